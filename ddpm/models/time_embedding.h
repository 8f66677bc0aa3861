// A network's clock as a vector.

#pragma once

#include "ddpm/tensor/tensor.h"

namespace ddpm {

// e = [sin(n f_0) .. sin(n f_{h-1}), cos(n f_0) .. cos(n f_{h-1})] with h = channels div 2 and
// f_i = exp(-i ln(10000) / (h - d)), in float32 as the published networks were trained with; behind
// them a 0 if channels is odd. d is 1 in the paper's network; other programs have 0 and the cosines
// first.
//   timesteps        int64 [N], the network's own indices, in [0, T - 1]
//   channels         at least 4
//   frequency_shift  d, in [0, h)
//   cosine_first     the cosines stand before the sines
//   result           float32 [N, channels]
Tensor sinusoidal_embedding(const Tensor& timesteps, int64_t channels, int64_t frequency_shift = 1,
                            bool cosine_first = false);

}  // namespace ddpm
