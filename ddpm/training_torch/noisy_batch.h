// A batch of clean images as what a network is trained on.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

struct NoisyBatch {
  Batch x_t;               // [N, C, H, W]
  Batch target;            // [N, C, H, W], what the network is to predict
  std::vector<int64_t> t;  // [N], each in [1, T]
};

// noise_sample (training/noising.h) of each image, on LibTorch's threads: sample first_sample + i
// is x0's image i, to be diffused up to t[i], in [1, T]. Throws InvalidArgument unless there is one
// time per image.
NoisyBatch make_noisy_batch(const Schedule& schedule, Prediction prediction, uint64_t seed,
                            int64_t first_sample, ConstBatchView x0, std::vector<int64_t> t);

}  // namespace ddpm
