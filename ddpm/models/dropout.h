// Dropout whose masks are functions of the training sample.

#pragma once

#include <cstdint>

#include "ddpm/tensor/tensor.h"

namespace ddpm {

// Which samples of the run a batch holds: first_sample, first_sample + 1, ..
struct DropoutKey {
  uint64_t seed;
  int64_t first_sample;
};

// h with each value dropped with probability p, in [0, 1), and the others divided by 1 - p; p is
// rounded to a multiple of 2^-16. Value (c, y, x) of sample g in layer `layer` is dropped if the 16
// bits with its row-major number in Stream{seed, kDropout, g, layer} are below p 2^16: so a mask
// depends on neither the batch nor the memory order.
//   h  [N, C, H, W]
Tensor dropout(const Tensor& h, double p, const DropoutKey& key, int64_t layer);

}  // namespace ddpm
