#include "ddpm/diffusion/loss_history.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ddpm/base/check.h"
#include "ddpm/random/stream.h"
#include "ddpm/testing/known_number.h"

namespace ddpm {
namespace {

LossHistory history_of(const std::vector<std::vector<double>>& losses) {
  LossHistory history(std::ssize(losses), std::ssize(losses[0]));
  for (size_t i = 0; i < losses.size(); ++i) {
    for (const double loss : losses[i]) history.add(static_cast<int64_t>(i) + 1, loss);
  }
  return history;
}

// (1 - 0.001) w / sum of w + 0.001 / 3, w the root of the mean square; the loss counts 1 / (3 p).
TEST(LossHistory, GivesTheKnownProbabilitiesAndWeights) {
  const auto expect = [](const LossHistory& history, const std::vector<double>& wanted,
                         const std::vector<double>& weights) {
    const std::vector<double> p = history.probabilities();
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_KNOWN(p[i], wanted[i], 5e-9);  // given to eight decimals
      EXPECT_KNOWN(1.0 / (3.0 * p[i]), weights[i], 5e-8);
    }
  };
  expect(history_of({{1, 1}, {2, 2}, {3, 3}}), {.16683333, .33333333, .49983333},
         {1.998002, 1.0, .66688896});
  expect(history_of({{1, 3}, {2, 2}, {0, 1}}), {.45223561, .40452701, .14323738},
         {.73707892, .82400760, 2.32713929});
}

TEST(LossHistory, IsUniformUntilEveryTimeHasItsLosses) {
  LossHistory history(3, 2);
  for (const int64_t t : {1, 1, 1, 2, 2, 3}) {
    history.add(t, 5.0 * static_cast<double>(t));
    EXPECT_FALSE(history.is_full());
    for (const double p : history.probabilities()) EXPECT_DOUBLE_EQ(p, 1.0 / 3.0);
  }
  history.add(3, 1.0);
  EXPECT_TRUE(history.is_full());
  EXPECT_GT(history.probabilities()[2], 0.34);
}

TEST(LossHistory, ForgetsTheOldestLoss) {
  LossHistory history = history_of({{1, 100}, {7, 7}});
  history.add(1, 3);
  history.add(1, 4);
  const double root = std::sqrt(12.5);
  EXPECT_NEAR(history.probabilities()[0], 0.999 * root / (root + 7.0) + 0.0005, 1e-15);
  for (int64_t k = 0; k < 2; ++k) history.add(1, 0.0);  // then never drawn, but for the share
  EXPECT_NEAR(history.probabilities()[0], 0.0005, 1e-15);
  for (int64_t k = 0; k < 2; ++k) history.add(2, 0.0);
  EXPECT_DOUBLE_EQ(history.probabilities()[0], 0.5);  // nothing to choose by
}

// Whatever the losses, the weighted mean over draws is the mean over times: sum p w l = mean l.
TEST(LossHistory, TheWeightsUndoTheProbabilities) {
  const LossHistory history = history_of({{1, 3}, {2, 2}, {0, 1}, {9, 8}});
  const std::vector<double> p = history.probabilities();
  EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1.0, 1e-15);
  const double losses[] = {0.3, 0.1, 0.7, 0.2};
  double mean = 0.0;
  for (size_t i = 0; i < 4; ++i) mean += p[i] * (1.0 / (4.0 * p[i])) * losses[i];
  EXPECT_NEAR(mean, (0.3 + 0.1 + 0.7 + 0.2) / 4.0, 1e-15);
}

TEST(LossHistory, TimesAreDrawnWithTheirProbabilities) {
  const std::vector<double> p = history_of({{1, 3}, {2, 2}, {0, 1}}).probabilities();
  EXPECT_EQ(time_at(p, 0.0), 1);
  EXPECT_EQ(time_at(p, p[0]), 2);
  EXPECT_EQ(time_at(p, std::nextafter(1.0, 0.0)), 3);
  constexpr int64_t kDraws = 20000;
  std::vector<int64_t> counts(3);
  for (int64_t k = 0; k < kDraws; ++k) {
    const double fraction = uniform({1, Purpose::kTest, static_cast<uint64_t>(k)});
    ++counts[static_cast<size_t>(time_at(p, fraction) - 1)];
  }
  for (size_t i = 0; i < 3; ++i) {
    // binomial; five standard deviations, over three times a false-alarm rate of 2e-6
    const double sigma = std::sqrt(kDraws * p[i] * (1.0 - p[i]));
    EXPECT_NEAR(static_cast<double>(counts[i]), kDraws * p[i], 5.0 * sigma) << i + 1;
  }
  EXPECT_THROW(time_at(p, 1.0), InvalidArgument);
}

TEST(LossHistory, ComesBackFromItsNumbers) {
  LossHistory history(3, 2);
  for (const double loss : {1.0, 2.5, 4.0}) history.add(2, loss);
  history.add(3, 0.1);
  LossHistory same(3, 2);
  same.add(1, 7.0);
  same.restore(history.losses(), history.counts());
  for (const int64_t t : {1, 1, 3}) {
    history.add(t, 3.0);
    same.add(t, 3.0);
  }
  EXPECT_TRUE(same.is_full());
  EXPECT_EQ(same.probabilities(), history.probabilities());
  EXPECT_EQ(same.losses(), (std::vector<double>{3.0, 3.0, 2.5, 4.0, 0.1, 3.0}));

  EXPECT_THROW(same.restore({1.0}, {1.0, 0.0}), FormatError);
  EXPECT_THROW(same.restore({1.0}, {1.0, 1.0, 0.0}), FormatError);
  EXPECT_THROW(same.restore({1.0, 1.0, 1.0}, {3.0, 0.0, 0.0}), FormatError);
  EXPECT_THROW(same.restore({}, {1.0, -1.0, 0.0}), FormatError);
}

TEST(LossHistory, RefusesWhatIsNoLoss) {
  LossHistory history(3);
  EXPECT_THROW(history.add(0, 1.0), InvalidArgument);
  EXPECT_THROW(history.add(4, 1.0), InvalidArgument);
  EXPECT_THROW(history.add(1, std::nan("")), InvalidArgument);
  EXPECT_THROW(LossHistory(0), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
