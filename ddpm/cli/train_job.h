// `ddpm train` behind its flags: opens the data, prints a summary, trains, prints the next command.

#pragma once

#include "ddpm/cli/train_request.h"
#include "ddpm/jobs/torch_hooks.h"

namespace ddpm {

// Makes or resumes the run of a request that was checked, with the learner of
// hooks.open_training, and returns the exit code. Stop signals end it with a complete checkpoint.
// Throws as open_training, open_dataset and run_training do.
int run_train(const TrainRequest& request, const TorchHooks& hooks);

}  // namespace ddpm
