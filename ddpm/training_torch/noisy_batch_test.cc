#include "ddpm/training_torch/noisy_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"

namespace ddpm {
namespace {

Batch some_images(int64_t images) {
  Batch batch({images, 1, 4, 4});
  fill_normal({3, Purpose::kTest, 0}, batch.values());
  return batch;
}

TEST(NoisyBatch, ASampleIsTheSameHoweverTheBatchIsCut) {
  const Schedule schedule = linear_schedule(1000);
  const Batch x0 = some_images(6);
  const std::vector<int64_t> times = {1, 20, 300, 300, 999, 1000};
  const NoisyBatch whole = make_noisy_batch(schedule, Prediction::kEps, 9, 100, x0, times);
  for (int64_t i = 0; i < 6; ++i) {
    const NoisyBatch one = make_noisy_batch(schedule, Prediction::kEps, 9, 100 + i,
                                            x0.view().slice(i, 1), {times[static_cast<size_t>(i)]});
    EXPECT_EQ(one.t[0], whole.t[static_cast<size_t>(i)]);
    EXPECT_TRUE(std::ranges::equal(one.x_t.values(), whole.x_t.image(i)));
    EXPECT_TRUE(std::ranges::equal(one.target.values(), whole.target.image(i)));
  }
}

TEST(NoisyBatch, HoldsTheClosedFormOfItsTimeAndNoise) {
  const Schedule schedule = cosine_schedule(1000);
  const Batch x0 = some_images(3);
  const std::vector<int64_t> times = {1, 500, 1000};
  const NoisyBatch eps = make_noisy_batch(schedule, Prediction::kEps, 2, 0, x0, times);
  const NoisyBatch v = make_noisy_batch(schedule, Prediction::kV, 2, 0, x0, times);
  EXPECT_THROW(make_noisy_batch(schedule, Prediction::kV, 2, 0, x0, {1}), InvalidArgument);
  for (int64_t i = 0; i < 3; ++i) {
    const NoiseLevel level = schedule.level(eps.t[static_cast<size_t>(i)]);
    for (size_t k = 0; k < 16; ++k) {
      const double x = x0.image(i)[k];
      const double e = eps.target.image(i)[k];
      // one rounding to float32 of numbers below 5
      EXPECT_NEAR(eps.x_t.image(i)[k], level.signal * x + level.sigma * e, 5e-7);
      EXPECT_NEAR(v.target.image(i)[k], level.signal * e - level.sigma * x, 5e-7);
    }
  }
}

}  // namespace
}  // namespace ddpm
