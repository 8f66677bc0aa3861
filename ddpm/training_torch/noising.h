// From clean images to what a network is trained on: a time, noise, and a target for each.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/config/choices.h"
#include "ddpm/diffusion/loss_history.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

// The times of training samples first_sample, .., and how much the loss of each counts.
struct TrainingTimes {
  std::vector<int64_t> t;
  std::vector<double> weights;  // empty: all 1
};
// Drawn from a history of losses, with the weights that undo what it prefers; as long as the
// history is not full uniformly. A time depends on the history, the seed and the sample's number.
TrainingTimes important_times(const LossHistory& history, uint64_t seed, int64_t first_sample,
                              int64_t count);

// The time of training sample `sample` of a run with this seed, in [1, T]; each t is equally
// likely. Not for kImportance, whose times need a history: important_times.
int64_t training_time(TimestepSampling sampling, uint64_t seed, int64_t sample, int64_t T);

struct NoisyBatch {
  Batch x_t;               // [N, C, H, W]
  Batch target;            // [N, C, H, W], what the network is to say
  std::vector<int64_t> t;  // [N], each in [1, T]
};

// Sample first_sample + i is x0's image i, to be diffused up to t[i], in [1, T]. Its noise depends
// on the seed and its number alone.
NoisyBatch make_noisy_batch(const Schedule& schedule, Prediction prediction, uint64_t seed,
                            int64_t first_sample, ConstBatchView x0, std::vector<int64_t> t);

}  // namespace ddpm
