// The output folder of a job that can be continued: one process at a time writes into it.

#pragma once

#include <filesystem>
#include <string>

#include "ddpm/base/folder_lock.h"
#include "ddpm/jobs/watch.h"

namespace ddpm {

// Holds FOLDER/.ddpm-lock, which is removed at the end; one that a killed process left is taken
// over.
class JobLock {
 public:
  // Makes the folder if it is missing. Throws IoError "command: flag: .." if another process
  // writes into it, and for anything at the lock's name that is none. On a file system without
  // locks it warns and keeps nobody out.
  JobLock(const std::string& command, const std::filesystem::path& folder, const Watch& watch,
          const std::string& flag = "--out");

 private:
  FolderLock lock_;
};

}  // namespace ddpm
