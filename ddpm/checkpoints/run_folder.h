// A run folder as its one writer sees it: its lock, its configuration, what a crash left in it.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/config/train_config.h"

namespace ddpm {

// Held while a process writes into a run. The system lets go of it when the process ends, however
// that happens; the file <run>/lock stays and holds the process id of the last one that signed it.
class RunLock {
 public:
  // The folder must exist. Throws IoError that names the process if another one holds the lock, and
  // if what is there under the name of the lock is not one; that is then unchanged.
  explicit RunLock(const std::filesystem::path& run);
  // A lock file that this one made is removed if it was not signed or nothing was added to it.
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  // Whether there was no lock file before.
  bool made() const { return made_; }

  // Writes this process's id into the file, for the message to others.
  void sign();

 private:
  bool open_file();
  void check_content() const;

  std::filesystem::path path_;
  int file_ = -1;
  bool made_ = false;
  bool signed_ = false;
};

// Throws InvalidArgument "train: --out: .." unless `run` is missing, an empty folder, or one that
// holds nothing but what a start left behind that died before it wrote config.json. To be asked
// before the folder is made, and again with the lock: another start may have been faster.
void check_run_is_new(const std::filesystem::path& run, const RunLock* lock = nullptr);

// Throws InvalidArgument that starts with `who` if the run lies in the folder `data` or the folder
// in the run, links and mounts followed: later previews would become training data. `data` is as
// --data takes it; what is no folder lies in none.
void check_apart_from_data(const std::string& who, const std::filesystem::path& run,
                           const std::string& data);

// Makes the folders run, run/checkpoints and run/samples where they are missing, durably, and
// removes the temporary files and folders in them that a crash left behind: names that only this
// program gives, see is_temporary_of_a_run. Returns a line for each of these that cannot be
// removed. Throws IoError that names the folder if no file can be made in one of the three. The
// caller holds the lock of a folder that is a run.
std::vector<std::string> prepare_run_folder(const std::filesystem::path& run,
                                            FileLayer& files = real_files());

// Whether a file or folder of this name in a run is one that was not finished: ".tmp-" and sixteen
// hexadecimal digits, ".tmp-removed-" and a step, or ".tmp-PROCESS-NAME" of an earlier version.
bool is_temporary_of_a_run(const std::string& name);

// <run>/config.json. The reader throws InvalidArgument if there is none, FormatError that names the
// key for one that is damaged.
void write_run_config(const std::filesystem::path& run, const TrainConfig& config,
                      FileLayer& files = real_files());
TrainConfig read_run_config(const std::filesystem::path& run);

// Whether <folder>/config.json is JSON with the keys of a run's, and not a network's of that name.
bool has_run_config(const std::filesystem::path& folder);

}  // namespace ddpm
