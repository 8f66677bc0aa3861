#include "ddpm/training/training_times.h"

#include "ddpm/base/check.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

// floor(fraction * bound) of a 64-bit fraction.
uint64_t scale_word(uint64_t word, uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((static_cast<Wide>(word) * bound) >> 64);
}

}  // namespace

int64_t training_time(TimestepSampling sampling, uint64_t seed, int64_t sample, int64_t T) {
  const auto g = static_cast<uint64_t>(sample);
  const auto n = static_cast<uint64_t>(T);
  switch (sampling) {
    case TimestepSampling::kStratified:
      return 1 + static_cast<int64_t>(scale_word(stratified_word(seed, Purpose::kTimestep, g), n));
    case TimestepSampling::kUniform:
      return 1 + static_cast<int64_t>(below(Stream{seed, Purpose::kTimestep, g}, n));
    case TimestepSampling::kImportance:
      break;
  }
  DDPM_ASSERT(false);
}

TrainingTimes important_times(const LossHistory& history, uint64_t seed, int64_t first_sample,
                              int64_t count) {
  const std::vector<double> probabilities = history.probabilities();
  const auto T = static_cast<double>(probabilities.size());
  TrainingTimes times;
  for (int64_t i = 0; i < count; ++i) {
    const auto sample = static_cast<uint64_t>(first_sample + i);
    const int64_t t = time_at(probabilities, uniform({seed, Purpose::kTimestep, sample}));
    times.t.push_back(t);
    times.weights.push_back(1.0 / (T * probabilities[static_cast<size_t>(t - 1)]));
  }
  return times;
}

}  // namespace ddpm
