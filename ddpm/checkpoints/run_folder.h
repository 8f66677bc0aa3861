// A run folder as its one writer sees it: its lock, its configuration, what a crash left in it.

#pragma once

#include <filesystem>

#include "ddpm/base/file.h"
#include "ddpm/checkpoints/train_config.h"

namespace ddpm {

// Held while a process writes into a run. The system lets go of it when the process ends, however
// that happens; the file <run>/lock stays and holds the process id of the last one.
class RunLock {
 public:
  // The folder must exist. Throws IoError that names the process if another one holds the lock.
  explicit RunLock(const std::filesystem::path& run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int file_;
};

// Makes the folders run, run/checkpoints and run/samples where they are missing, durably, and
// removes what a crash left behind: everything in them whose name starts with ".tmp-". The caller
// holds the lock or is the only one who knows of the run.
void prepare_run_folder(const std::filesystem::path& run, FileLayer& files = real_files());

// <run>/config.json. The reader throws InvalidArgument if there is none, FormatError that names the
// key for one that is damaged.
void write_run_config(const std::filesystem::path& run, const TrainConfig& config,
                      FileLayer& files = real_files());
TrainConfig read_run_config(const std::filesystem::path& run);

}  // namespace ddpm
