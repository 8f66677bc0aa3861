#include "ddpm/sampling/ancestral.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/times.h"
#include "ddpm/testing/gaussian_data.h"
#include "ddpm/testing/known_number.h"

namespace ddpm {

namespace {

// Follows mean and variance of the data through a chain that begins with those of x_T, and holds
// each time to the process's own.
void expect_keeps(const GaussianData& data, Variance variance, int64_t steps) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    const Schedule schedule = make_schedule({.kind = kind});
    const auto times = times_for(Spacing::kTrailing, 1000, steps);
    double mean = data.mean(schedule.level(times[0]));
    double spread = data.variance(schedule.level(times[0]));
    for (size_t i = 0; i + 1 < times.size(); ++i) {
      const NoiseLevel from = schedule.level(times[i]);
      const NoiseLevel to = schedule.level(times[i + 1]);
      const StepWeights step = ancestral_step(from, to, variance);
      mean = data.step(step, from, mean);
      spread = data.step_variance(step, from, spread);
      // The last step adds no noise: it ends in the mean of x_0 given x_1.
      if (times[i + 1] == 0) break;
      // Rounding errors of 1000 steps, each some 1e-16, that 1 / signal enlarges up to 2e4.
      ASSERT_NEAR(mean, data.mean(to), 1e-9) << times[i + 1];
      ASSERT_NEAR(spread, data.variance(to), 1e-9) << times[i + 1];
    }
  }
}

}  // namespace

TEST(Ancestral, KeepsUnitGaussianDataWithVarianceBeta) {
  for (const int64_t steps : {1, 2, 7, 50, 1000}) {
    expect_keeps({.m = 0.0, .s = 1.0}, Variance::kFixedLarge, steps);
  }
}

TEST(Ancestral, KeepsASinglePointWithVarianceBetaTilde) {
  for (const int64_t steps : {1, 2, 7, 50, 1000}) {
    expect_keeps({.m = 0.3, .s = 0.0}, Variance::kFixedSmall, steps);
  }
}

TEST(Ancestral, StepsByOneAreThePosteriorOfTheSchedule) {
  const Schedule schedule = linear_schedule(1000);
  for (int64_t t = 1; t <= 1000; ++t) {
    const Posterior posterior = schedule.posterior(t);
    const NoiseLevel from = schedule.level(t);
    const NoiseLevel to = schedule.level(t - 1);
    const StepWeights small = ancestral_step(from, to, Variance::kFixedSmall);
    const StepWeights large = ancestral_step(from, to, Variance::kFixedLarge);
    // Relative 1e-11: beta is a difference of numbers up to 1 that may be 1e-4 apart.
    ASSERT_NEAR(small.x0_weight, posterior.x0_weight, 1e-11 * posterior.x0_weight) << t;
    ASSERT_NEAR(small.x_weight, posterior.xt_weight, 1e-11) << t;
    ASSERT_EQ(small.eps_weight, 0.0);
    ASSERT_NEAR(small.noise_weight, std::sqrt(posterior.variance), 1e-11) << t;
    ASSERT_NEAR(large.noise_weight, t == 1 ? 0.0 : std::sqrt(schedule.beta(t)), 1e-11) << t;
    ASSERT_EQ(large.x_weight, small.x_weight);
    ASSERT_EQ(large.x0_weight, small.x0_weight);
  }
}

// The paper's own form of the mean, from eps, when x_0 is not clipped: [DDPM] eq. 11.
TEST(Ancestral, IsThePapersMeanFromEps) {
  const Schedule schedule = linear_schedule(1000);
  for (const int64_t t : {1, 2, 10, 500, 999, 1000}) {
    const NoiseLevel from = schedule.level(t);
    const StepWeights step = ancestral_step(from, schedule.level(t - 1), Variance::kFixedLarge);
    const double x = 0.7;
    const double eps = -0.4;
    const double beta = schedule.beta(t);
    const double wanted = (x - beta / from.sigma * eps) / std::sqrt(1.0 - beta);
    const double x0 = (x - from.sigma * eps) / from.signal;
    EXPECT_NEAR(step.x_weight * x + step.x0_weight * x0, wanted, 1e-12) << t;
  }
}

// By hand: alpha_bar 0.81 and 0.25, so alpha = 25/81 and beta = 56/81. Unequal levels, far apart.
TEST(Ancestral, OneUnequalStepByHand) {
  const NoiseLevel from{.signal = 0.5, .sigma = std::sqrt(0.75)};
  const NoiseLevel to{.signal = 0.9, .sigma = std::sqrt(0.19)};
  const StepWeights large = ancestral_step(from, to, Variance::kFixedLarge);
  EXPECT_NEAR(large.x0_weight, 0.9 * (56.0 / 81.0) / 0.75, 1e-15);
  EXPECT_NEAR(large.x_weight, (5.0 / 9.0) * 0.19 / 0.75, 1e-15);
  EXPECT_NEAR(large.noise_weight, std::sqrt(56.0 / 81.0), 1e-15);
  const StepWeights small = ancestral_step(from, to, Variance::kFixedSmall);
  EXPECT_NEAR(small.noise_weight, std::sqrt(56.0 / 81.0 * 0.19 / 0.75), 1e-15);
}

TEST(Ancestral, TheLastStepIsThePredictedImageWithoutNoise) {
  const Schedule schedule = cosine_schedule(1000);
  for (const Variance variance : {Variance::kFixedLarge, Variance::kFixedSmall}) {
    for (const int64_t t : {1, 20, 1000}) {
      const StepWeights step = ancestral_step(schedule.level(t), schedule.level(0), variance);
      EXPECT_EQ(step.x_weight, 0.0);
      EXPECT_EQ(step.x0_weight, 1.0);
      EXPECT_EQ(step.noise_weight, 0.0);
    }
  }
}

// Published values of beta_tilde, also of a step of 20 (diffusers' tests, times less one there).
TEST(PosteriorSigma, HasKnownVariances) {
  const Schedule schedule = linear_schedule(1000);
  const auto variance = [&](int64_t t, int64_t s) {
    const double sigma = posterior_sigma(schedule.level(t), schedule.level(s));
    return sigma * sigma;
  };
  // Given to 12 digits.
  EXPECT_EQ(variance(1, 0), 0.0);
  EXPECT_KNOWN(variance(421, 401), 0.147719512841, 1e-12);
  EXPECT_KNOWN(variance(981, 961), 0.324605235875, 1e-12);
  EXPECT_KNOWN(variance(488, 487), 0.009791571986, 1e-12);
  EXPECT_KNOWN(variance(1000, 999), 0.019999983527, 1e-12);
}

// diffusers' fixed_large_log is its logarithm, whose root is no number; here it is a name of beta.
TEST(Ancestral, AFixedVarianceGivesFiniteNoiseAtEveryTime) {
  const Schedule schedule = linear_schedule(1000);
  for (int64_t t = 2; t <= 1000; ++t) {
    const auto noise = [&](Variance variance) {
      return ancestral_step(schedule.level(t), schedule.level(t - 1), variance).noise_weight;
    };
    const double large = noise(Variance::kFixedLarge);
    const double small = noise(Variance::kFixedSmall);
    ASSERT_NEAR(large * large, schedule.beta(t), 1e-11) << t;
    ASSERT_NEAR(small * small, schedule.posterior(t).variance, 1e-11) << t;
  }
}

TEST(Ancestral, HasNoNumberForAVarianceThatTheNetworkHasToSay) {
  const Schedule schedule = linear_schedule(10);
  EXPECT_EQ(ancestral_step(schedule.level(2), schedule.level(1), Variance::kLearned).noise_weight,
            0.0);
}

}  // namespace ddpm
