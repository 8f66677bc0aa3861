#include "ddpm/sampling/inversion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/times.h"
#include "ddpm/testing/gaussian_data.h"

namespace ddpm {

namespace {

constexpr int64_t kT = 100'000;
constexpr GaussianData kData{.m = 0.3, .s = 0.5};

// The levels are equally spaced in the angle whose sine is sigma: the solution is smooth from t = 0
// on, and a time is hardly rounded.
const Schedule& smooth_schedule() {
  static const Schedule schedule = [] {
    std::vector<double> betas;
    double kept = 1.0;
    for (int64_t t = 1; t <= kT; ++t) {
      const double signal = std::cos(1.5 * static_cast<double>(t) / static_cast<double>(kT));
      betas.push_back(1.0 - signal * signal / kept);
      kept = signal * signal;
    }
    return Schedule(betas);
  }();
  return schedule;
}

std::vector<int64_t> rising(int64_t steps, int64_t last = kT) {
  std::vector<int64_t> times;
  for (int64_t i = 0; i <= steps; ++i) times.push_back(last * i / steps);
  return times;
}

std::vector<int64_t> reversed(std::vector<int64_t> times) {
  std::reverse(times.begin(), times.end());
  return times;
}

// Where one value ends: a plan of single stages, in float64.
double walk(const Schedule& schedule, const GaussianData& data, const Plan& plan, double x) {
  for (const Stage& stage : plan) {
    x *= stage.lift_signal;
    x = data.step({.x_weight = stage.x_weight,
                   .x0_weight = stage.x0_weights[0],
                   .eps_weight = stage.eps_weights[0]},
                  schedule.level(stage.t), x);
  }
  return x;
}

double encode(int64_t steps, double x0) {
  return walk(smooth_schedule(), kData, inversion_plan(smooth_schedule(), rising(steps)), x0);
}

double decode(int64_t steps, double x_T) {
  const SamplerOptions ddim{.kind = SamplerKind::kDdim};
  const Plan plan = sampler_plan(ddim, smooth_schedule(), reversed(rising(steps)));
  return walk(smooth_schedule(), kData, plan, x_T);
}

double order_of(double coarse, double fine) { return std::log2(std::abs(coarse / fine)); }

NoisePredictor predictor_of(const Schedule& schedule, GaussianData data) {
  const NetworkPointer network = network_of(
      [schedule, data](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
        for (int64_t i = 0; i < x.images(); ++i) {
          const NoiseLevel level = schedule.level(timesteps[static_cast<size_t>(i)].index + 1);
          std::transform(x.image(i).begin(), x.image(i).end(), output.image(i).begin(),
                         [&](float value) { return static_cast<float>(data.eps(level, value)); });
        }
      });
  return {network, schedule, Prediction::kEps};
}

}  // namespace

// Along the exact solution (x - mean) / deviation stays as it is at t = 0.
TEST(Inversion, ReachesTheExactNoiseAtFirstOrder) {
  const NoiseLevel last = smooth_schedule().level(kT);
  const double x0 = 1.1;
  const double exact =
      kData.mean(last) + (x0 - kData.m) / kData.s * std::sqrt(kData.variance(last));
  EXPECT_NEAR(order_of(encode(200, x0) - exact, encode(400, x0) - exact), 1.0, 0.05);
  EXPECT_NEAR(encode(400, x0), exact, 0.01);
}

TEST(Inversion, EncodingAndDecodingComesBackAtFirstOrder) {
  const double x0 = -0.6;
  const auto error = [&](int64_t steps) { return decode(steps, encode(steps, x0)) - x0; };
  EXPECT_NEAR(order_of(error(200), error(400)), 1.0, 0.05);
  EXPECT_NEAR(error(400), 0.0, 0.01);
}

// With a = u^2 / (s^2 + u^2), u = sigma / signal, the step up multiplies x_0 - m by 1 + a and the
// step down by 1 - a. A call at time 1 would leave 1 - a.
TEST(Inversion, TheFirstStepIsUndoneByTheLastUpToItsSquare) {
  const int64_t s = kT / 40;
  const double u = smooth_schedule().level(s).sigma / smooth_schedule().level(s).signal;
  const double a = u * u / (kData.s * kData.s + u * u);
  const double x0 = 0.9;
  const std::vector<int64_t> up = {0, s};
  const double x_s = walk(smooth_schedule(), kData, inversion_plan(smooth_schedule(), up), x0);
  EXPECT_NEAR(x_s / smooth_schedule().level(s).signal, kData.m + (x0 - kData.m) * (1.0 + a), 1e-14);
  const SamplerOptions ddim{.kind = SamplerKind::kDdim};
  const Plan down = sampler_plan(ddim, smooth_schedule(), reversed(up));
  EXPECT_NEAR(walk(smooth_schedule(), kData, down, x_s), kData.m + (x0 - kData.m) * (1.0 - a * a),
              1e-14);
}

// For one point eps is constant along each path, so that every step is exact, however long.
TEST(Inversion, IsExactForASinglePoint) {
  const Schedule schedule = linear_schedule(1000);
  const GaussianData point{.m = -0.4, .s = 0.0};
  const std::vector<int64_t> times = {3, 400, 1000};
  const double eps = 1.7;
  const auto at = [&](int64_t t) {
    return schedule.level(t).signal * point.m + schedule.level(t).sigma * eps;
  };
  EXPECT_NEAR(walk(schedule, point, inversion_plan(schedule, times), at(3)), at(1000), 1e-12);
  const std::vector<int64_t> from_0 = {0, 20, 1000};
  EXPECT_NEAR(walk(schedule, point, inversion_plan(schedule, from_0), point.m),
              schedule.level(1000).signal * point.m, 1e-12);
}

// x_t of encoded data has the process's own distribution: its map is affine, so that mean and
// variance say all. Every schedule, up to nearly pure noise.
TEST(Inversion, EncodedDataHaveTheMeanAndVarianceOfTheProcess) {
  for (const ScheduleKind kind : {ScheduleKind::kLinear, ScheduleKind::kCosine}) {
    const Schedule schedule = make_schedule({.kind = kind});
    for (const int64_t t : {250, 500, 1000}) {
      const Plan plan = inversion_plan(schedule, rising(t, t));
      const double zero = walk(schedule, kData, plan, 0.0);
      const double slope = walk(schedule, kData, plan, 1.0) - zero;
      const NoiseLevel level = schedule.level(t);
      // first order in steps of 1; worst seen 0.0022 and 0.0086
      EXPECT_NEAR(zero + slope * kData.m, kData.mean(level), 0.005) << t;
      EXPECT_NEAR(slope * slope * kData.s * kData.s, kData.variance(level), 0.015) << t;
    }
  }
}

// By hand: alpha_bar 0.81 and 0.25; x = 1, eps = 0.5 there, so x_0 = (1 - 0.5 sqrt(0.19)) / 0.9.
TEST(Inversion, OneStepUpByHand) {
  const Schedule schedule({0.19, 1.0 - 0.25 / 0.81});
  const Plan plan = inversion_plan(schedule, std::vector<int64_t>{1, 2});
  ASSERT_EQ(plan.size(), 1U);
  EXPECT_EQ(plan[0].t, 1);
  const double x0 = (1.0 - 0.5 * std::sqrt(0.19)) / 0.9;
  EXPECT_NEAR(plan[0].x0_weights[0] * x0 + plan[0].eps_weights[0] * 0.5,
              0.5 * x0 + std::sqrt(0.75) * 0.5, 1e-15);
}

TEST(RunInversion, WalksThePlanOnArraysAndCallsTheNetworkAtItsTimes) {
  const Schedule schedule = linear_schedule(1000);
  const std::vector<int64_t> times = {0, 15, 200, 700};
  const SamplerOptions free{.clip_x0 = false};
  Batch x({2, 1, 1, 2});
  x.values()[0] = -1.0F;
  x.values()[3] = 0.8F;
  const std::vector<float> x0(x.values().begin(), x.values().end());
  std::vector<int64_t> reached;
  run_inversion(predictor_of(schedule, kData), times, free, std::vector<int64_t>{0, 1}, x,
                [&](const SampleStep& step) { reached.push_back(step.next_t); });
  EXPECT_EQ(reached, (std::vector<int64_t>{15, 200, 700}));
  const Plan plan = inversion_plan(schedule, times);
  EXPECT_EQ(plan[0].t, 15);
  for (size_t i = 0; i < x0.size(); ++i) {
    EXPECT_NEAR(x.values()[i], walk(schedule, kData, plan, x0[i]), 1e-5);  // float32, three steps
  }
}

TEST(Inversion, RejectsTimesThatDoNotRiseWithinTheProcess) {
  const Schedule schedule = linear_schedule(1000);
  for (const std::vector<int64_t>& times :
       std::vector<std::vector<int64_t>>{{}, {0}, {5, 5}, {5, 3}, {-1, 3}, {0, 1001}}) {
    EXPECT_THROW(inversion_plan(schedule, times), InvalidArgument);
  }
}

}  // namespace ddpm
