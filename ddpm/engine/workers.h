// Threads that share the parts of one operation after another.
//
// The caller's thread works too, as worker 0. A part belongs to whoever takes it first: which
// worker does which is left to chance, so a part's result must not depend on it. Waiting is
// spinning at first, because operations follow each other within microseconds, and sleeping after
// that, so that nothing burns a core that another process could use. Nobody waits for a worker that
// has not begun a part: one that the system has put aside holds up nothing but its own part.

#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace ddpm {

class Workers {
 public:
  // A part's number, in [0, parts), and the worker's, in [0, count()).
  using Part = void (*)(const void* context, int64_t part, int64_t worker);

  static constexpr int64_t kMostParts = (int64_t{1} << 24) - 1;

  // `count` workers, at least 1; 0: one for each core that this process may use. Throws
  // std::system_error if a thread cannot be had.
  explicit Workers(int64_t count);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int64_t count() const { return std::ssize(threads_) + 1; }

  // Calls part(number, worker) once for each number in [0, parts) and returns when all have
  // returned. `part` may not throw. From one thread at a time; a team of one from any number.
  template <typename Function>
  void run(int64_t parts, const Function& part) {
    run(parts, &call<Function>, &part);
  }

 private:
  template <typename Function>
  static void call(const void* context, int64_t part, int64_t worker) {
    (*static_cast<const Function*>(context))(part, worker);
  }

  void run(int64_t parts, Part part, const void* context);
  void serve(int64_t worker);
  bool take_part(int64_t worker);
  uint64_t wait_for_change(uint64_t seen);
  void stop();

  // Number of the job, its parts, and the next part to be taken, in one word: see workers.cc.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int64_t> done_{0};  // parts of the job that have returned
  std::atomic<int64_t> sleeping_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stopping_{false};
  Part part_ = nullptr;  // of the job; these change only while no part of it is under way
  const void* context_ = nullptr;
  int64_t parts_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace ddpm
