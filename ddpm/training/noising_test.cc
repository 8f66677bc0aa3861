#include "ddpm/training/noising.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"

namespace ddpm {
namespace {

Batch some_images(int64_t images) {
  Batch batch({images, 1, 4, 4});
  fill_normal({3, Purpose::kTest, 0}, batch.values());
  return batch;
}

TEST(TrainingTime, StratifiedTimesAreSpreadEvenlyOverAnyNeighbours) {
  // Among n neighbours of the golden-ratio sequence a bin of width 1/10 gets n / 10 within 3: its
  // discrepancy is at most (3 + log terms) / n for n up to a few hundred (three-gap theorem).
  for (const int64_t first : {0, 17, 1000}) {
    std::vector<int64_t> bins(10);
    for (int64_t g = first; g < first + 100; ++g) {
      const int64_t t = training_time(TimestepSampling::kStratified, 5, g, 1000);
      ASSERT_GE(t, 1);
      ASSERT_LE(t, 1000);
      ++bins[static_cast<size_t>((t - 1) / 100)];
    }
    for (const int64_t count : bins) EXPECT_NEAR(static_cast<double>(count), 10.0, 3.0);
  }
}

TEST(TrainingTime, EveryTimeIsAboutEquallyLikely) {
  for (const auto sampling : {TimestepSampling::kUniform, TimestepSampling::kStratified}) {
    constexpr int64_t kT = 8;
    constexpr int64_t kSamples = 8000;
    std::vector<int64_t> counts(kT + 1);
    for (int64_t g = 0; g < kSamples; ++g) {
      ++counts[static_cast<size_t>(training_time(sampling, 1, g, kT))];
    }
    EXPECT_EQ(counts[0], 0);
    for (int64_t t = 1; t <= kT; ++t) {
      // binomial: mean 1000, standard deviation 29.6; five of them have a false-alarm rate below
      // 1e-5 over all bins
      EXPECT_NEAR(static_cast<double>(counts[static_cast<size_t>(t)]), 1000.0, 148.0);
    }
  }
}

TEST(NoisyBatch, ASampleIsTheSameHoweverTheBatchIsCut) {
  const Schedule schedule = linear_schedule(1000);
  const Batch x0 = some_images(6);
  const NoisyBatch whole =
      make_noisy_batch(schedule, Prediction::kEps, TimestepSampling::kStratified, 9, 100, x0);
  for (int64_t i = 0; i < 6; ++i) {
    const NoisyBatch one =
        make_noisy_batch(schedule, Prediction::kEps, TimestepSampling::kStratified, 9, 100 + i,
                         x0.view().slice(i, 1));
    EXPECT_EQ(one.t[0], whole.t[static_cast<size_t>(i)]);
    EXPECT_TRUE(std::ranges::equal(one.x_t.values(), whole.x_t.image(i)));
    EXPECT_TRUE(std::ranges::equal(one.target.values(), whole.target.image(i)));
  }
}

TEST(NoisyBatch, HoldsTheClosedFormOfItsTimeAndNoise) {
  const Schedule schedule = cosine_schedule(1000);
  const Batch x0 = some_images(3);
  const NoisyBatch eps =
      make_noisy_batch(schedule, Prediction::kEps, TimestepSampling::kUniform, 2, 0, x0);
  const NoisyBatch v =
      make_noisy_batch(schedule, Prediction::kV, TimestepSampling::kUniform, 2, 0, x0);
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
