// From clean images to what a network is trained on: a time, noise, and a target for each.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

enum class TimestepSampling {
  kUniform,     // t of each sample on its own
  kStratified,  // a low-discrepancy sequence over the samples of the run: any neighbours spread
                // evenly
};

// The time of training sample `sample` of a run with this seed, in [1, T]; each t is equally
// likely.
int64_t training_time(TimestepSampling sampling, uint64_t seed, int64_t sample, int64_t T);

struct NoisyBatch {
  Batch x_t;               // [N, C, H, W]
  Batch target;            // [N, C, H, W], what the network is to say
  std::vector<int64_t> t;  // [N], each in [1, T]
};

// Sample first_sample + i is x0's image i. Its time and noise depend on the seed and its number
// alone.
NoisyBatch make_noisy_batch(const Schedule& schedule, Prediction prediction,
                            TimestepSampling sampling, uint64_t seed, int64_t first_sample,
                            ConstBatchView x0);

}  // namespace ddpm
