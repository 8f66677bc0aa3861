// Threads that are always joined, and a loop that many of them share.

#pragma once

#include <cstdint>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "ddpm/base/thread_signals.h"

namespace ddpm {

// Joins its threads when it goes; whoever uses it sees to it that they end.
class ThreadGroup {
 public:
  ThreadGroup() = default;
  ~ThreadGroup() { join(); }
  ThreadGroup(const ThreadGroup&) = delete;
  ThreadGroup& operator=(const ThreadGroup&) = delete;

  template <typename Body>
  void add(Body body) {
    const BlockedSignals blocked;  // in the new thread
    threads_.emplace_back(std::move(body));
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

// body(i) for each i in [0, count), started in this order, in `threads` threads (0: one for each
// usable core). `observer`, if any, is told from time to time and at the end how many are done, in
// the calling thread. The first exception of a body or the observer ends the work and is thrown
// here.
void for_each_parallel(int64_t count, int64_t threads, const std::function<void(int64_t i)>& body,
                       const std::function<void(int64_t done)>& observer);

}  // namespace ddpm
