#include "ddpm/sampling/sigma_steps.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/pndm.h"

namespace ddpm {
namespace {

constexpr double kExact = 1e-14;

// As in dpm_solver_test.cc: sigma / signal is 3/4 at t = 1, 4/3 at 2 and 24/7 at 3.
const Schedule& by_hand() {
  static const Schedule schedule({0.36, 1.0 - 0.36 / 0.64, 1.0 - 0.0784 / 0.36});
  return schedule;
}

TEST(SigmaSteps, OneUnequalStepOfEachByHand) {
  const std::vector<int64_t> times = {3, 2, 0};
  // 0.6 (4/3 - 24/7) = -44/35
  const Plan euler = euler_plan(by_hand(), times, {});
  ASSERT_EQ(euler.size(), 2U);
  EXPECT_NEAR(euler[0].x_weight, 15.0 / 7.0, kExact);
  EXPECT_NEAR(euler[0].eps_weights.at(0), -44.0 / 35.0, kExact);
  EXPECT_EQ(euler[1].x0_weights.at(0), 1.0);
  EXPECT_EQ(euler[1].x_weight, 0.0);
  const Plan heun = heun_plan(by_hand(), times, {});
  ASSERT_EQ(heun.size(), 3U);
  EXPECT_TRUE(heun[0].keeps_base);
  EXPECT_EQ(heun[1].t, 2);
  EXPECT_NEAR(heun[1].base_weight, 15.0 / 7.0, kExact);
  EXPECT_NEAR(heun[1].eps_weights.at(0), -22.0 / 35.0, kExact);
  EXPECT_NEAR(heun[1].eps_weights.at(1), -22.0 / 35.0, kExact);
  EXPECT_TRUE(heun[1].ends_step);
}

TEST(SigmaSteps, TheTransferOfPndmIsEulersStep) {
  const Schedule schedule = linear_schedule(1000);
  for (const auto& [t, s] : {std::pair{901, 801}, {101, 1}, {2, 1}}) {
    const double a_t = schedule.alpha_bar(t);
    const double a_s = schedule.alpha_bar(s);
    const StepWeights step = euler_step(schedule.level(t), schedule.level(s));
    EXPECT_NEAR(step.x_weight, std::sqrt(a_s / a_t), 1e-13);
    const double eps_weight =
        -(a_s - a_t) / (a_t * std::sqrt(1.0 - a_s) + std::sqrt(a_t * (1.0 - a_t) * a_s));
    EXPECT_NEAR(step.eps_weight, eps_weight, 1e-12 * std::abs(eps_weight));
  }
}

// The times of N = 10, as diffusers' list of them has it, plus one.
TEST(Pndm, CallsTheNetworkWhereItsMethodSays) {
  const Schedule schedule = linear_schedule(1000);
  const std::vector<int64_t> times = {901, 801, 701, 601, 501, 401, 301, 201, 101, 1, 0};
  std::vector<int64_t> called;
  for (const Stage& stage : pndm_plan(schedule, times, PndmStart::kRungeKutta, schedule.level(0))) {
    called.push_back(stage.t);
  }
  EXPECT_EQ(called, (std::vector<int64_t>{901, 851, 851, 801, 801, 751, 751, 701, 701, 651, 651,
                                          601, 601, 501, 401, 301, 201, 101, 1}));
  called.clear();
  for (const Stage& stage : pndm_plan(schedule, times, PndmStart::kMultistep, schedule.level(0))) {
    called.push_back(stage.t);
  }
  EXPECT_EQ(called, (std::vector<int64_t>{901, 801, 801, 701, 601, 501, 401, 301, 201, 101, 1}));
}

// A constant eps is followed exactly by a rule whose weights sum to that of one step.
TEST(Pndm, EveryRuleIsExactForAConstantEps) {
  const Schedule schedule = linear_schedule(1000);
  const std::vector<int64_t> times = {901, 701, 501, 301, 101, 0};
  for (const PndmStart start : {PndmStart::kRungeKutta, PndmStart::kMultistep}) {
    for (const Stage& stage : pndm_plan(schedule, times, start, schedule.level(0))) {
      if (!stage.ends_step) continue;
      const auto step = static_cast<size_t>(stage.step);
      const StepWeights whole =
          euler_step(schedule.level(times[step]), schedule.level(times[step + 1]));
      double sum = 0.0;
      for (const double weight : stage.eps_weights) sum += weight;
      EXPECT_NEAR(sum, whole.eps_weight, 1e-12 * std::abs(whole.eps_weight));
      EXPECT_NEAR(stage.x_weight + stage.base_weight, whole.x_weight, 1e-13 * whole.x_weight);
    }
  }
}

TEST(SigmaSteps, ChurnLiftsToTheTimeWhoseNoiseIsNearest) {
  const Schedule schedule = linear_schedule(1000);
  const std::vector<int64_t> times = {1000, 800, 500, 100, 20, 0};
  const double gamma = std::min(1.0 / 5.0, std::numbers::sqrt2 - 1.0);
  const Plan plan = euler_plan(schedule, times, {.amount = 1.0});
  const auto u = [&](int64_t t) { return schedule.level(t).sigma / schedule.level(t).signal; };
  EXPECT_EQ(plan[0].t, 1000);  // there is no time behind T
  EXPECT_EQ(plan[0].lift_noise, 0.0);
  for (size_t i = 1; i < plan.size(); ++i) {
    int64_t nearest = times[i];
    const double wanted = (1.0 + gamma) * u(times[i]);
    for (int64_t t = times[i]; t <= 1000; ++t) {
      if (std::abs(u(t) - wanted) < std::abs(u(nearest) - wanted)) nearest = t;
    }
    EXPECT_EQ(plan[i].t, nearest);
    EXPECT_GT(plan[i].t, times[i]);
    // what is lifted is distributed as the process has it there
    const NoiseLevel before = schedule.level(times[i]);
    const NoiseLevel behind = schedule.level(plan[i].t);
    EXPECT_NEAR(plan[i].lift_signal * before.signal, behind.signal, 1e-13);
    const double spread = plan[i].lift_signal * before.sigma;
    EXPECT_NEAR(spread * spread + plan[i].lift_noise * plan[i].lift_noise,
                behind.sigma * behind.sigma, 1e-13);
  }
  const Plan within = euler_plan(schedule, times, {.amount = 1.0, .least_u = u(400)});
  EXPECT_GT(within[2].lift_noise, 0.0);
  EXPECT_EQ(within[3].lift_noise, 0.0);
  EXPECT_THROW(euler_plan(schedule, times, {.amount = -1.0}), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
