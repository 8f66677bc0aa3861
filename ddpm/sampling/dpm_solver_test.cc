#include "ddpm/sampling/dpm_solver.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/ddim.h"

namespace ddpm {
namespace {

// Levels of whole numbers: signal and sigma are 0.8 and 0.6 at t = 1, 0.6 and 0.8 at 2, 0.28 and
// 0.96 at 3, so that e^lambda is 4/3, 3/4 and 7/24.
const Schedule& by_hand() {
  static const Schedule schedule({0.36, 1.0 - 0.36 / 0.64, 1.0 - 0.0784 / 0.36});
  return schedule;
}

constexpr double kExact = 1e-14;

TEST(DpmSolver, OneUnequalStepOfEachByHand) {
  const std::vector<int64_t> times = {3, 2, 1, 0};
  const Plan plain = dpm_multistep_plan(by_hand(), times, DpmNoise::kNone, by_hand().level(0));
  ASSERT_EQ(plain.size(), 3U);
  // from 3 to 2: e^-h = 7/18
  EXPECT_NEAR(plain[0].x_weight, 5.0 / 6.0, kExact);
  EXPECT_NEAR(plain[0].x0_weights.at(0), 11.0 / 30.0, kExact);
  // from 2 to 1: e^-h = 9/16, and 1 / (2 r) = ln(16/9) / (2 ln(18/7))
  const double half_ratio = 0.5 * std::log(16.0 / 9.0) / std::log(18.0 / 7.0);
  EXPECT_NEAR(plain[1].x_weight, 0.75, kExact);
  EXPECT_NEAR(plain[1].x0_weights.at(0), 0.35 * (1.0 + half_ratio), kExact);
  EXPECT_NEAR(plain[1].x0_weights.at(1), -0.35 * half_ratio, kExact);
  // to the clean image: the predicted one
  EXPECT_EQ(plain[2].x_weight, 0.0);
  EXPECT_EQ(plain[2].x0_weights, std::vector<double>{1.0});

  const Plan noisy =
      dpm_multistep_plan(by_hand(), times, DpmNoise::kStochastic, by_hand().level(0));
  EXPECT_NEAR(noisy[0].x_weight, 35.0 / 108.0, kExact);
  EXPECT_NEAR(noisy[0].x0_weights.at(0), 0.6 * 275.0 / 324.0, kExact);
  EXPECT_NEAR(noisy[0].noise_weight, 0.8 * std::sqrt(275.0 / 324.0), kExact);
  EXPECT_EQ(noisy[2].noise_weight, 0.0);

  // from 3 to 1 by way of 2: e^-h = 7/32, r = ln(18/7) / ln(32/7)
  const Plan twice = dpm_singlestep_plan(by_hand(), std::vector<int64_t>{3, 1, 0});
  ASSERT_EQ(twice.size(), 3U);
  const double r = std::log(18.0 / 7.0) / std::log(32.0 / 7.0);
  EXPECT_TRUE(twice[0].keeps_base);
  EXPECT_FALSE(twice[0].ends_step);
  EXPECT_EQ(twice[1].t, 2);
  EXPECT_NEAR(twice[0].x_weight, 5.0 / 6.0, kExact);
  EXPECT_NEAR(twice[1].base_weight, 0.625, kExact);
  EXPECT_NEAR(twice[1].x0_weights.at(0), 0.625 / (2.0 * r), kExact);
  EXPECT_NEAR(twice[1].x0_weights.at(1), 0.625 * (1.0 - 0.5 / r), kExact);
}

// x_weight x + x0_weight x_0 is signal' x_0 + sigma' eps with x = signal x_0 + sigma eps.
TEST(DpmSolver, FirstOrderIsDdimWithoutNoise) {
  const Schedule schedule = linear_schedule(1000);
  for (const auto& [t, s] : {std::pair{1000, 950}, {500, 13}, {2, 1}, {7, 0}}) {
    const NoiseLevel from = schedule.level(t);
    const StepWeights dpm = dpm_first_order_step(from, schedule.level(s));
    const StepWeights ddim = ddim_step(from, schedule.level(s), 0.0);
    EXPECT_NEAR(dpm.x_weight * from.signal + dpm.x0_weight, ddim.x0_weight, 1e-13);
    EXPECT_NEAR(dpm.x_weight * from.sigma, ddim.eps_weight, 1e-13);
  }
}

TEST(DpmSolver, BeginsFromALevelWithoutSignal) {
  const Schedule schedule =
      make_schedule({.kind = ScheduleKind::kCosine, .T = 100, .zero_terminal_snr = true});
  const std::vector<int64_t> times = {100, 60, 20, 0};
  for (const Plan& plan :
       {dpm_multistep_plan(schedule, times, DpmNoise::kNone, schedule.level(0)),
        dpm_multistep_plan(schedule, times, DpmNoise::kStochastic, schedule.level(0)),
        dpm_singlestep_plan(schedule, times)}) {
    for (const Stage& stage : plan) {
      EXPECT_TRUE(std::isfinite(stage.x_weight) && std::isfinite(stage.base_weight) &&
                  std::isfinite(stage.noise_weight));
      for (const double weight : stage.x0_weights) EXPECT_TRUE(std::isfinite(weight));
    }
  }
}

}  // namespace
}  // namespace ddpm
