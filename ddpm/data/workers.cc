#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

#include "ddpm/base/cores.h"
#include "ddpm/data/workers_internal.h"

namespace ddpm {
namespace {

constexpr auto kObserverInterval = std::chrono::milliseconds(50);

// What the threads of one loop share.
struct Work {
  std::mutex mutex;
  std::condition_variable changed;
  int64_t count = 0;
  int64_t next = 0;  // the first that nobody has begun
  int64_t done = 0;
  int64_t running = 0;  // threads
  std::exception_ptr failure;

  int64_t begin_one() {  // -1 if there is nothing left
    const std::lock_guard lock(mutex);
    return next < count && failure == nullptr ? next++ : -1;
  }
  void end_one() {
    const std::lock_guard lock(mutex);
    ++done;
  }
  void fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex);
    if (failure == nullptr) failure = std::move(error);
  }
  void leave() {
    const std::lock_guard lock(mutex);
    --running;
    changed.notify_all();
  }
};

void work(Work& shared, const std::function<void(int64_t)>& body) {
  try {
    for (int64_t i = shared.begin_one(); i >= 0; i = shared.begin_one()) {
      body(i);
      shared.end_one();
    }
  } catch (...) {
    shared.fail(std::current_exception());
  }
  shared.leave();
}

// Waits until all threads have left; calls the observer at every interval, whether or not anything
// was done: an observer may also want to end the work.
void watch(Work& shared, const std::function<void(int64_t)>& observer) {
  std::unique_lock lock(shared.mutex);
  while (shared.running > 0) {
    shared.changed.wait_for(lock, kObserverInterval, [&] { return shared.running == 0; });
    if (!observer || shared.failure != nullptr) continue;
    const int64_t done = shared.done;
    lock.unlock();
    observer(done);
    lock.lock();
  }
}

}  // namespace

void for_each_parallel(int64_t count, int64_t threads, const std::function<void(int64_t)>& body,
                       const std::function<void(int64_t)>& observer) {
  if (threads == 0) threads = usable_cores();
  Work shared;
  shared.count = count;
  ThreadGroup group;  // after `shared`, so that it is joined before that goes
  try {
    for (int64_t i = 0; i < std::min(threads, count); ++i) {
      {
        const std::lock_guard lock(shared.mutex);
        ++shared.running;
      }
      group.add([&shared, &body] { work(shared, body); });
    }
    watch(shared, observer);
  } catch (...) {
    shared.fail(std::current_exception());
  }
  group.join();
  if (shared.failure != nullptr) std::rethrow_exception(shared.failure);
}

}  // namespace ddpm
