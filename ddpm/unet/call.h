// What a call of a network has to bring, whoever executes it.

#pragma once

#include <cstdint>

#include "ddpm/base/batch.h"
#include "ddpm/unet/config.h"

namespace ddpm {

inline constexpr int64_t kNoLabel = -1;

// Throw InvalidArgument that starts with "network: ".

// Unless x [N, C, H, W] and output are of the network's shapes and there is a timestep an image.
void check_call_shapes(const UNetConfig& config, const BatchShape& x, int64_t timesteps,
                       const BatchShape& output);

// For a timestep that a table of learned times does not have.
void check_learned_time(const UNetConfig& config, int64_t timestep);

// Unless `label` is one of the network's classes, or kNoLabel where it has none.
void check_label(const UNetConfig& config, int64_t label);

}  // namespace ddpm
