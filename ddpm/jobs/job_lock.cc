#include "ddpm/jobs/job_lock.h"

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"

namespace ddpm {

namespace {

constexpr const char* kLockName = ".ddpm-lock";

std::filesystem::path lock_file(const std::filesystem::path& folder) {
  real_files().make_folder(folder);
  return folder / kLockName;
}

}  // namespace

JobLock::JobLock(const std::string& command, const std::filesystem::path& folder,
                 const Watch& watch, const std::string& flag) try
    : lock_(lock_file(folder)) {
  if (lock_.is_held()) return;
  warn(watch, concat(command, ": ", flag, ": ", folder.string(),
                     ": this file system has no locks; start no other job in this folder"));
} catch (const IoError& error) {
  throw IoError(concat(command, ": ", flag, ": ", error.what()));
}

}  // namespace ddpm
