// Threads that share the parts of one operation after another.
//
// The caller's thread works too, as worker 0. Each worker has parts of its own, the same in every
// job of as many parts, so that what one job has written is in the caches of the worker that reads
// it in the next. Who has done all of its own takes those of others: which worker does which is
// left to chance in the end, so a part's result must not depend on it. Waiting is spinning at
// first, because operations follow each other within microseconds, and sleeping after that, so that
// nothing burns a core that another process could use. Workers beyond the usable cores sleep at
// once. Nobody waits for a worker that has not begun
// a part: one that the system has put aside holds up nothing but the part that it is at.

#pragma once

#include <atomic>
#include <chrono>
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

  // `count` workers, at least 1; 0: one for each usable core (base/cores.h). Throws
  // std::system_error if a thread cannot be had.
  explicit Workers(int64_t count);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int64_t count() const { return std::ssize(shares_); }

  // Calls part(number, worker) once for each number in [0, parts) and returns when all have
  // returned. `part` may not throw. From one thread at a time; a team of one from any number.
  // Parts are dealt to the workers in turn, `together` of them at a time, at least 1.
  template <typename Function>
  void run(int64_t parts, int64_t together, const Function& part) {
    run({parts, together, &call<Function>, &part});
  }
  template <typename Function>
  void run(int64_t parts, const Function& part) {
    run(parts, 1, part);
  }

 private:
  struct Job {
    int64_t parts = 0;
    int64_t together = 1;
    Part part = nullptr;
    const void* context = nullptr;
  };

  // The parts of a job that a worker has: the job's number, how many there are, and how many of
  // them have been taken, in one word: see workers.cc. In lines of its own, which stay in the
  // caches of the worker that it is of.
  struct alignas(128) Share {
    std::atomic<uint64_t> ticket{0};
  };

  template <typename Function>
  static void call(const void* context, int64_t part, int64_t worker) {
    (*static_cast<const Function*>(context))(part, worker);
  }

  void run(const Job& job);
  void publish();
  void serve(int64_t worker);
  bool take_part(int64_t owner, int64_t worker);
  bool take_all(int64_t worker);
  void wait_for_job(int64_t worker);
  void stop();

  std::chrono::microseconds spin_time_{0};
  std::vector<Share> shares_;     // one a worker
  std::atomic<int64_t> done_{0};  // parts of the job that have returned
  std::atomic<int64_t> sleeping_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stopping_{false};
  Job job_;  // changes only while no part of it is under way
  std::vector<std::thread> threads_;
};

}  // namespace ddpm
