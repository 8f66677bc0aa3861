#include "ddpm/training_torch/noising.h"

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

TEST(TrainingTime, OfImportanceNeedsAHistory) {
  EXPECT_THROW(training_time(TimestepSampling::kImportance, 1, 0, 8), std::logic_error);
}

// Two times, of which the second has three times the loss: drawn as LossHistory has it, each sample
// on its own, with weights whose mean over the draws is 1.
TEST(ImportantTimes, FollowTheHistoryAndWeighItAway) {
  LossHistory history(2, 1);
  const TrainingTimes uniform_times = important_times(history, 7, 0, 1000);
  for (const double weight : uniform_times.weights) EXPECT_EQ(weight, 1.0);
  history.add(1, 1.0);
  history.add(2, 3.0);
  const TrainingTimes times = important_times(history, 7, 0, 20000);
  const double p = 0.999 * 0.25 + 0.0005;
  const auto ones = static_cast<double>(std::ranges::count(times.t, 1));
  // binomial, five standard deviations: a false alarm has probability 6e-7
  EXPECT_NEAR(ones, 20000.0 * p, 5.0 * std::sqrt(20000.0 * p * (1.0 - p)));
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_DOUBLE_EQ(times.weights[i], times.t[i] == 1 ? 0.5 / p : 0.5 / (1.0 - p));
  }
  const TrainingTimes later = important_times(history, 7, 500, 10);
  EXPECT_TRUE(std::equal(later.t.begin(), later.t.end(), times.t.begin() + 500));
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
