// What must not be cut off in the middle, if it can be helped.

#pragma once

#include <atomic>

namespace ddpm {

// Alive while a file is under a temporary name. A program that is asked to end at once waits for
// the end of the last one, so that no temporary file stays behind. Safe to ask in a signal handler.
class Unfinished {
 public:
  Unfinished() { ++count(); }
  ~Unfinished() { --count(); }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;

  static bool any() { return count().load() > 0; }

 private:
  static std::atomic<int>& count() {
    static_assert(std::atomic<int>::is_always_lock_free);
    static constinit std::atomic<int> unfinished{0};
    return unfinished;
  }
};

}  // namespace ddpm
