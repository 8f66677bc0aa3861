#include "ddpm/training_torch/noising.h"

#include <ATen/Parallel.h>

#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/process.h"
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

NoisyBatch make_noisy_batch(const Schedule& schedule, Prediction prediction, uint64_t seed,
                            int64_t first_sample, ConstBatchView x0, std::vector<int64_t> times) {
  const int64_t n = x0.images();
  DDPM_CHECK(std::ssize(times) == n, "noising: wanted one time an image, ", n, ", got ",
             times.size());
  NoisyBatch noisy{Batch(x0.shape()), Batch(x0.shape()), std::move(times)};
  at::parallel_for(0, n, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> eps(static_cast<size_t>(x0.shape().image_size()));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t sample = first_sample + i;
      const int64_t t = noisy.t[static_cast<size_t>(i)];
      fill_normal({seed, Purpose::kTrainingNoise, static_cast<uint64_t>(sample)}, eps);
      mix(schedule.level(t), x0.image(i), eps, noisy.x_t.image(i));
      training_target(prediction, schedule, t, x0.image(i), eps, noisy.target.image(i));
    }
  });
  return noisy;
}

}  // namespace ddpm
