// The times t that training samples are diffused to, each a function of the seed, the sample's
// number and, with importance sampling, the losses so far.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/config/choices.h"
#include "ddpm/diffusion/loss_history.h"

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

}  // namespace ddpm
