// What the inputs of a call have to be, whoever executes it.

#pragma once

#include <cstdint>
#include <span>

#include "ddpm/base/batch.h"
#include "ddpm/unet/config.h"

namespace ddpm {

inline constexpr int64_t kNoLabel = -1;

// Throw InvalidArgument that starts with "network: ".

// Unless x [N, C, H, W] and output are of the network's shapes and there is a timestep per image.
void check_call_shapes(const UNetConfig& config, const BatchShape& x, int64_t timesteps,
                       const BatchShape& output);

// For a timestep that a table of learned times does not have.
void check_learned_time(const UNetConfig& config, int64_t timestep);

// Unless each of the labels is one of the network's classes, and there is one per image; or none,
// where the network has no classes.
void check_labels(const UNetConfig& config, std::span<const int64_t> labels, int64_t images);

}  // namespace ddpm
