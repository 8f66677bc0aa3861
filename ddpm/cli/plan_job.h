// `ddpm plan` behind its flags, and what `train` shares with it: what a run will be, before
// anything is trained.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/cli/train_request.h"
#include "ddpm/config/train_config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/jobs/torch_hooks.h"

namespace ddpm {

// The network, the process and the training in a few lines, each ending in a newline.
std::string summary_lines(const TrainConfig& config, const UNetConfig& unet, const Dataset& dataset,
                          const TrainingDevice& device);

// What it will cost: multiply-adds, memory, the time of a step (measured on one, of another network
// than the one that is trained) and of the run, a suggested batch; lines as above.
std::string cost_lines(const TrainConfig& config, const UNetConfig& unet, const Dataset& dataset,
                       const TrainingDevice& device);

// Prints both for a request that was checked, and returns the exit code; writes nothing. Throws as
// hooks.open_training and open_dataset do.
int run_plan(const TrainRequest& request, const TorchHooks& hooks);

}  // namespace ddpm
