#include "ddpm/diffusion/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/schedule_numbers.h"

namespace ddpm {

TEST(Schedule, LinearHasThePapersNumbers) {
  struct Row {
    int64_t t;
    double beta, alpha_bar, beta_tilde, x0_weight, xt_weight, sigma_over_signal, lambda;
  };
  const Row rows[] = {
      {1, 0.0001, 0.9999, 0, 1, 0, 0.01000050004, 4.605120183},
      {2, 0.0001199199199, 0.9997800921, 5.453187661e-05, 0.5452914995, 0.454708499, 0.01483092371,
       4.211040838},
      {3, 0.0001398398398, 0.999640283, 8.548911523e-05, 0.3887068359, 0.6112931603, 0.01896961936,
       3.96491656},
      {11, 0.0002991991992, 0.9978065725, 0.0002584636204, 0.1362778598, 0.8637220693,
       0.04688549021, 3.060047029},
      {101, 0.002091991992, 0.8951415909, 0.00205455353, 0.01889545559, 0.9810761026, 0.342259699,
       1.072185476},
      {251, 0.00507997998, 0.5214230306, 0.005051719844, 0.00768442233, 0.9919078833, 0.9580337147,
       0.04287230887},
      {501, 0.01005995996, 0.07779665837, 0.01005133578, 0.003058057076, 0.9941043508, 3.442967113,
       -1.236333632},
      {751, 0.01503993994, 0.003300158362, 0.01503917954, 0.0008734535068, 0.9924013631,
       17.37860069, -2.855239604},
      {999, 0.01998008008, 4.118193638e-05, 0.0199800633, 0.0001295242362, 0.9899587235,
       155.8251938, -5.048734826},
      {1000, 0.02, 4.035829765e-05, 0.01999998353, 0.0001283514872, 0.9899486783, 157.4072808,
       -5.058836592},
  };
  const Schedule schedule = linear_schedule(1000);
  for (const Row& row : rows) {
    const std::string at = "t = " + std::to_string(row.t);
    expect_close(schedule.beta(row.t), row.beta, "beta at " + at);
    expect_close(schedule.alpha_bar(row.t), row.alpha_bar, "alpha_bar at " + at);
    const Posterior posterior = schedule.posterior(row.t);
    expect_close(posterior.variance, row.beta_tilde, "beta_tilde at " + at);
    expect_close(posterior.x0_weight, row.x0_weight, "x0_weight at " + at);
    expect_close(posterior.xt_weight, row.xt_weight, "xt_weight at " + at);
    const NoiseLevel level = schedule.level(row.t);
    expect_close(level.sigma / level.signal, row.sigma_over_signal, "sigma / signal at " + at);
    expect_close(level.lambda(), row.lambda, "lambda at " + at);
  }
}

// q(x_{t-1} | x_t, x_0) averaged over q(x_t | x_0) is q(x_{t-1} | x_0): means and variances.
TEST(Schedule, ThePosteriorComposesToTheMarginal) {
  for (const Schedule& schedule : {linear_schedule(1000), cosine_schedule(1000),
                                   linear_schedule(2, 0.3, 0.9), Schedule({0.5})}) {
    for (int64_t t = 1; t <= schedule.steps(); ++t) {
      const Posterior posterior = schedule.posterior(t);
      const NoiseLevel level = schedule.level(t);
      const NoiseLevel before = schedule.level(t - 1);
      // A few roundings of numbers of at most 1.
      ASSERT_NEAR(posterior.x0_weight + posterior.xt_weight * level.signal, before.signal, 1e-14);
      const double spread = posterior.xt_weight * level.sigma;
      ASSERT_NEAR(spread * spread + posterior.variance, before.sigma * before.sigma, 1e-14);
    }
  }
}

TEST(Schedule, ThePosteriorOfTheFirstStepIsExactlyTheImage) {
  for (const Schedule& schedule : {linear_schedule(1000), cosine_schedule(7)}) {
    const Posterior posterior = schedule.posterior(1);
    EXPECT_EQ(posterior.x0_weight, 1.0);
    EXPECT_EQ(posterior.xt_weight, 0.0);
    EXPECT_EQ(posterior.variance, 0.0);
  }
}

TEST(Schedule, TakesExplicitBetas) {
  const Schedule schedule({0.5, 0.2});
  EXPECT_EQ(schedule.steps(), 2);
  EXPECT_EQ(schedule.beta(2), 0.2);
  EXPECT_DOUBLE_EQ(schedule.alpha_bar(2), 0.4);
  // By hand: 0.2 * 0.5 / 0.6, sqrt(0.5) * 0.2 / 0.6, sqrt(0.8) * 0.5 / 0.6.
  EXPECT_DOUBLE_EQ(schedule.posterior(2).variance, 1.0 / 6.0);
  EXPECT_DOUBLE_EQ(schedule.posterior(2).x0_weight, std::sqrt(0.5) / 3.0);
  EXPECT_DOUBLE_EQ(schedule.posterior(2).xt_weight, std::sqrt(0.8) / 1.2);
}

// Any two times: the steps between them together are one step.
TEST(Schedule, TransitionsAndPosteriorsOfSeveralStepsComposeToTheMarginal) {
  const Schedule schedules[] = {linear_schedule(1000), cosine_schedule(40),
                                Schedule({0.0, 0.0, 0.3, 0.0, 1.0, 0.2, 0.0})};
  for (const Schedule& schedule : schedules) {
    const int64_t stride = std::max<int64_t>(1, schedule.steps() / 20);
    for (int64_t s = 0; s < schedule.steps(); s += stride) {
      for (int64_t t = s + 1; t <= schedule.steps(); t += stride) {
        const NoiseLevel at_s = schedule.level(s);
        const NoiseLevel at_t = schedule.level(t);
        const Transition step = schedule.transition(s, t);
        ASSERT_NEAR(step.signal * at_s.signal, at_t.signal, 1e-13) << s << " " << t;
        ASSERT_NEAR(step.signal * step.signal + step.variance, 1.0, 1e-13);
        const Posterior back = schedule.posterior(s, t);
        ASSERT_NEAR(back.x0_weight + back.xt_weight * at_t.signal, at_s.signal, 1e-12);
        const double spread = back.xt_weight * at_t.sigma;
        ASSERT_NEAR(spread * spread + back.variance, at_s.sigma * at_s.sigma, 1e-12);
      }
    }
  }
}

TEST(Schedule, AStepOfBetaZeroChangesNothing) {
  const Schedule schedule({0.0, 0.25, 0.0});
  EXPECT_EQ(schedule.level(1).sigma, 0.0);
  EXPECT_EQ(schedule.level(3).signal, schedule.level(2).signal);
  EXPECT_EQ(schedule.level(1).lambda(), std::numeric_limits<double>::infinity());
  // x_2 is x_3, whatever x_0 was
  EXPECT_EQ(schedule.posterior(3).x0_weight, 0.0);
  EXPECT_EQ(schedule.posterior(3).xt_weight, 1.0);
  EXPECT_EQ(schedule.posterior(3).variance, 0.0);
  // and x_0 is x_1
  EXPECT_EQ(schedule.posterior(1).x0_weight, 1.0);
  EXPECT_EQ(schedule.posterior(1).variance, 0.0);
}

TEST(Schedule, AStepOfBetaOneLeavesNothing) {
  const Schedule schedule({0.25, 1.0, 0.5});
  EXPECT_EQ(schedule.alpha_bar(2), 0.0);
  EXPECT_EQ(schedule.level(2).sigma, 1.0);
  EXPECT_EQ(schedule.level(3).sigma, 1.0);
  EXPECT_EQ(schedule.level(3).lambda(), -std::numeric_limits<double>::infinity());
  // x_2 tells nothing of x_1: what is left is q(x_1 | x_0)
  EXPECT_EQ(schedule.posterior(2).xt_weight, 0.0);
  EXPECT_EQ(schedule.posterior(2).x0_weight, std::sqrt(0.75));
  EXPECT_EQ(schedule.posterior(2).variance, 0.25);
}

TEST(Schedule, RejectsTimesOutsideTheProcess) {
  const Schedule schedule = linear_schedule(1000);
  for (const int64_t t : {int64_t{-1}, int64_t{1001}}) {
    EXPECT_THROW(schedule.beta(t), InvalidArgument);
    EXPECT_THROW(schedule.alpha_bar(t), InvalidArgument);
    EXPECT_THROW(schedule.level(t), InvalidArgument);
    EXPECT_THROW(schedule.posterior(t), InvalidArgument);
    EXPECT_THROW(schedule.transition(0, t), InvalidArgument);
    EXPECT_THROW(schedule.posterior(t, 1000), InvalidArgument);
  }
  EXPECT_THROW(schedule.transition(5, 5), InvalidArgument);
  EXPECT_THROW(schedule.beta(0), InvalidArgument);
  EXPECT_THROW(schedule.posterior(0), InvalidArgument);
  EXPECT_EQ(complaint<InvalidArgument>([&] { schedule.level(1001); }),
            "schedule: t must be in [0, 1000], got 1001");
}

TEST(Schedule, RejectsBetasThatAreNone) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(Schedule({}), InvalidArgument);
  EXPECT_THROW(Schedule({0.1, kNaN}), InvalidArgument);
  EXPECT_THROW(Schedule({-1e-9}), InvalidArgument);
  EXPECT_EQ(complaint<InvalidArgument>([] {
              Schedule({0.1, 1.5});
            }),
            "schedule: beta_2 must be in [0, 1], got 1.5");
}

TEST(Schedule, RejectsBetasThatLeaveLessThanCanBeCounted) {
  EXPECT_NE(complaint<InvalidArgument>([] {
              linear_schedule(200'000);
            }).find("alpha_bar must stay above"),
            std::string::npos);
  EXPECT_NO_THROW(Schedule({0.5, 1.0}));
}

}  // namespace ddpm
