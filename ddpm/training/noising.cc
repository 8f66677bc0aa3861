#include "ddpm/training/noising.h"

#include <ATen/Parallel.h>

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
  if (sampling == TimestepSampling::kUniform) {
    return 1 + static_cast<int64_t>(below(Stream{seed, Purpose::kTimestep, g}, n));
  }
  return 1 + static_cast<int64_t>(scale_word(stratified_word(seed, Purpose::kTimestep, g), n));
}

NoisyBatch make_noisy_batch(const Schedule& schedule, Prediction prediction,
                            TimestepSampling sampling, uint64_t seed, int64_t first_sample,
                            ConstBatchView x0) {
  const int64_t n = x0.images();
  NoisyBatch noisy{Batch(x0.shape()), Batch(x0.shape()), std::vector<int64_t>(n)};
  at::parallel_for(0, n, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> eps(static_cast<size_t>(x0.shape().image_size()));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t sample = first_sample + i;
      const int64_t t = training_time(sampling, seed, sample, schedule.steps());
      noisy.t[static_cast<size_t>(i)] = t;
      fill_normal({seed, Purpose::kTrainingNoise, static_cast<uint64_t>(sample)}, eps);
      mix(schedule.level(t), x0.image(i), eps, noisy.x_t.image(i));
      training_target(prediction, schedule, t, x0.image(i), eps, noisy.target.image(i));
    }
  });
  return noisy;
}

}  // namespace ddpm
