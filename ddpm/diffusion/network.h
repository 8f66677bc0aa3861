// What a network is to everything else: a function from arrays to arrays.

#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "ddpm/base/batch.h"

namespace ddpm {

// A network's own clock, in [0, T - 1], as in every published checkpoint. A type of its own, so
// that it cannot be mistaken for the time t of the process, in [1, T].
struct Timestep {
  int64_t index;
};

// x [N, C, H, W] and one timestep an image; writes output, [N, C, H, W] or, with a learned
// variance, [N, 2 C, H, W], which may not overlap x.
using Network =
    std::function<void(ConstBatchView x, std::span<const Timestep> timesteps, BatchView output)>;

// The same function, asked for at most `most` images at a time. Throws InvalidArgument unless most
// is at least 1.
Network in_slices(Network network, int64_t most);

// The output, and what a change of x changes of its product with given numbers: `product` gets the
// vector-Jacobian product, the sum over o of cotangent_o d output_o / d x.
//   cotangent  float32, of the output's shape
//   product    float32, of x's shape; may overlap none of the others
using NetworkVjp =
    std::function<void(ConstBatchView x, std::span<const Timestep> timesteps,
                       ConstBatchView cotangent, BatchView output, BatchView product)>;

}  // namespace ddpm
