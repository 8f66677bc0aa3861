// A run of training: a folder, from its first step or from where it stopped.

#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "ddpm/base/file.h"
#include "ddpm/config/train_config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/training/learner.h"

namespace ddpm {

// How the caller watches and steers; each may be empty. All are called by the thread that trains.
struct RunObserver {
  std::function<void(const std::string& line)> log;  // gets lines for a person
  // After each step; `loss` is smoothed.
  std::function<void(int64_t step, int64_t steps, double loss)> progress;
  // While a preview is made, which may take longer than many steps.
  std::function<void(double images, int64_t of)> previewing;
  std::function<bool()> stop;  // asked between two steps, of training or of a preview's chain
  // After each step, for a caller that reads, or changes, more than is logged.
  std::function<void(Learner& learner)> on_step;
};

enum class RunEnd { kDone, kTimeLimit, kStopped };

struct RunRequest {
  std::filesystem::path run;      // the folder
  TrainConfig config;             // complete; of a resumed run as check_resume gave it
  bool resume = false;            // else the folder is new or empty
  bool allow_other_data = false;  // resume although the data are others
  bool steps_given = false;       // resume until config.steps, whatever the run's own number is
  // What config.time_limit and the seconds of the log count from.
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
};

// The network of a configuration for these data. Throws InvalidArgument for a size that it cannot
// take.
UNetConfig network_for(const TrainConfig& config, const Dataset& dataset);

// Trains until config.steps, the time limit or a stop, and ends with a complete checkpoint in all
// three cases; a preview that is under way then is given up, and made when the run goes on. Writes
// into the run folder as docs/run_folder.md describes, through `files`; nothing into one that is
// finished already (kDone). A run without any checkpoint yet is resumed at step 0. `make_learner`
// is called once, with the run's configuration and the network that it and the data select. Throws
// InvalidArgument, with the folder unchanged, for a new run in a folder that is not empty, for
// fewer steps than are done and for data that are not the run's or do not fit the network; IoError,
// with a checkpoint of the last step if it is the data that cannot be read; NotFinite after
// config.max_bad_steps skipped updates in a row, the last good checkpoint untouched.
RunEnd run_training(const RunRequest& request, const Dataset& dataset,
                    const LearnerFactory& make_learner, const RunObserver& observer,
                    FileLayer& files = real_files());

}  // namespace ddpm
