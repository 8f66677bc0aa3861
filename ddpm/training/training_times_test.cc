#include "ddpm/training/training_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace ddpm {
namespace {

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

}  // namespace
}  // namespace ddpm
