#include "ddpm/training_torch/noisy_batch.h"

#include <ATen/Parallel.h>

#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/training/noising.h"

namespace ddpm {

NoisyBatch make_noisy_batch(const Schedule& schedule, Prediction prediction, uint64_t seed,
                            int64_t first_sample, ConstBatchView x0, std::vector<int64_t> times) {
  const int64_t n = x0.images();
  DDPM_CHECK(std::ssize(times) == n, "noising: wanted one time an image, ", n, ", got ",
             times.size());
  NoisyBatch noisy{Batch(x0.shape()), Batch(x0.shape()), std::move(times)};
  at::parallel_for(0, n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      noise_sample(schedule, prediction, seed, first_sample + i, noisy.t[static_cast<size_t>(i)],
                   x0.image(i), noisy.x_t.image(i), noisy.target.image(i));
    }
  });
  return noisy;
}

}  // namespace ddpm
