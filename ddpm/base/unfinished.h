// What must not be cut off in the middle or left behind, if it can be helped.

#pragma once

#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <string>

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

// A file that goes with this process, such as a lock, if a signal ends it. The destructor leaves
// the file to its owner. Beyond eight at a time, files are not remembered.
class RemovedByStop {
 public:
  explicit RemovedByStop(const std::filesystem::path& file) : name_(file.string()) {
    for (std::atomic<const char*>& slot : slots()) {
      const char* none = nullptr;
      if (!slot.compare_exchange_strong(none, name_.c_str())) continue;
      slot_ = &slot;
      return;
    }
  }
  ~RemovedByStop() {
    if (slot_ != nullptr) *slot_ = nullptr;
  }
  RemovedByStop(const RemovedByStop&) = delete;
  RemovedByStop& operator=(const RemovedByStop&) = delete;

  // In a signal handler that ends the process.
  static void remove_all() {
    for (const std::atomic<const char*>& slot : slots()) {
      const char* const name = slot;
      if (name != nullptr) ::unlink(name);
    }
  }

 private:
  static std::array<std::atomic<const char*>, 8>& slots() {
    static_assert(std::atomic<const char*>::is_always_lock_free);
    static constinit std::array<std::atomic<const char*>, 8> slots{};
    return slots;
  }

  std::string name_;
  std::atomic<const char*>* slot_ = nullptr;
};

}  // namespace ddpm
