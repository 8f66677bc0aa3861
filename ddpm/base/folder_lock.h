// One process at a time writes into a folder.
//
// The lock is an exclusive flock on a file in the folder, which holds the process id of its holder.
// The system lets go of it when the process ends, however that happens.

#pragma once

#include <filesystem>
#include <optional>

#include "ddpm/base/unfinished.h"

namespace ddpm {

class FolderLock {
 public:
  // Whether the destructor, or a signal that ends the process, removes the file. Who waits for the
  // lock never gets that of a removed file.
  enum class Afterwards { kRemove, kKeep };

  // Takes the lock `file`, which is made if it is missing; its folder must exist. Throws IoError
  // that names the process if another one holds it, and for anything at that name which is not such
  // a file: a link, which is not followed, a folder, a device, a file that holds anything but a
  // process id. All of these are left as they are.
  explicit FolderLock(std::filesystem::path file, Afterwards afterwards = Afterwards::kRemove);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  // False on a file system that has no locks: nothing then keeps other processes out.
  bool is_held() const { return held_; }

 private:
  void open();
  void check_is_lock() const;
  bool take();
  void close();

  std::filesystem::path file_;
  Afterwards afterwards_;
  int descriptor_ = -1;
  bool held_ = false;
  std::optional<RemovedByStop> removed_by_stop_;
};

}  // namespace ddpm
