// What `ddpm-torch` gives to the commands.

#pragma once

#include "ddpm/jobs/torch_hooks.h"

namespace ddpm {

TorchHooks torch_hooks();

// The functions of it.
TrainingDevice open_training_with_torch(const std::string& command, const std::string& device,
                                        int64_t threads);
NetworkPointer open_network_with_torch(const std::filesystem::path& checkpoint,
                                       const BackendOptions& options);
NormalDraws torch_normal_draws(uint64_t seed);

}  // namespace ddpm
