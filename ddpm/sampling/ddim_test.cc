#include "ddpm/sampling/ddim.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/ancestral.h"
#include "ddpm/testing/gaussian_data.h"

namespace ddpm {

namespace {

// How far `steps` DDIM steps end from the exact solution, along which (x - mean) / deviation stays.
// The levels are equally spaced in the angle whose sine is sigma, unlike any schedule's, so that no
// rounding of times is in the way of the order.
double error_of_steps(int64_t steps) {
  const GaussianData data{.m = 0.3, .s = 0.5};
  const auto level_at = [&](int64_t i) {
    const double angle = 1.5 - 1.4 * static_cast<double>(i) / static_cast<double>(steps);
    return NoiseLevel{.signal = std::cos(angle), .sigma = std::sin(angle)};
  };
  const NoiseLevel first = level_at(0);
  const NoiseLevel last = level_at(steps);
  double x = 1.0;
  const double wanted = data.mean(last) + (x - data.mean(first)) / std::sqrt(data.variance(first)) *
                                              std::sqrt(data.variance(last));
  for (int64_t i = 0; i < steps; ++i) {
    x = data.step(ddim_step(level_at(i), level_at(i + 1), 0.0), level_at(i), x);
  }
  return std::abs(x - wanted);
}

}  // namespace

TEST(DdimStep, ConvergesAtFirstOrder) {
  const double order = std::log2(error_of_steps(200) / error_of_steps(400));
  EXPECT_NEAR(order, 1.0, 0.05);
  EXPECT_LT(error_of_steps(400), 1e-2);
}

// By hand: alpha_bar 0.25 and 0.81, so beta = 1 - 25/81 = 56/81 and
// sigma^2 = eta^2 * 0.19 / 0.75 * 56 / 81.
TEST(DdimStep, OneUnequalStepByHand) {
  const NoiseLevel from{.signal = 0.5, .sigma = std::sqrt(0.75)};
  const NoiseLevel to{.signal = 0.9, .sigma = std::sqrt(0.19)};
  for (const double eta : {0.0, 0.5, 1.0}) {
    const double variance = eta * eta * 0.19 / 0.75 * 56.0 / 81.0;
    const StepWeights step = ddim_step(from, to, eta);
    EXPECT_EQ(step.x_weight, 0.0);
    EXPECT_EQ(step.x0_weight, 0.9);
    EXPECT_NEAR(step.eps_weight, std::sqrt(0.19 - variance), 1e-15);
    EXPECT_NEAR(step.noise_weight, std::sqrt(variance), 1e-15);
  }
}

// x_0 and eps belong together, so eps = (x - signal x_0) / sigma turns one form into the other.
TEST(DdimStep, EtaOneIsAncestral) {
  const Schedule schedule = linear_schedule(1000);
  for (int64_t t = 1; t <= 1000; t += 9) {
    for (const int64_t s : {int64_t{0}, t / 2, t - 1}) {
      const NoiseLevel from = schedule.level(t);
      const NoiseLevel to = schedule.level(s);
      const StepWeights ddim = ddim_step(from, to, 1.0);
      const StepWeights ancestral = ancestral_step(from, to, Variance::kFixedSmall);
      const double bound = 1e-13;  // a few roundings of numbers up to 1; worst seen 4e-15
      ASSERT_NEAR(ddim.eps_weight / from.sigma, ancestral.x_weight, bound) << t << ' ' << s;
      ASSERT_NEAR(ddim.x0_weight - ddim.eps_weight * from.signal / from.sigma, ancestral.x0_weight,
                  bound)
          << t << ' ' << s;
      ASSERT_EQ(ddim.noise_weight, ancestral.noise_weight) << t << ' ' << s;
    }
  }
}

TEST(DdimStep, AnyEtaKeepsTheVarianceOfASinglePoint) {
  const Schedule schedule = cosine_schedule(1000);
  const GaussianData point{.m = -0.4, .s = 0.0};
  for (const double eta : {0.0, 0.3, 1.0}) {
    for (const int64_t t : {2, 500, 1000}) {
      const NoiseLevel from = schedule.level(t);
      const NoiseLevel to = schedule.level(t / 2);
      const StepWeights step = ddim_step(from, to, eta);
      EXPECT_NEAR(point.step(step, from, point.mean(from)), point.mean(to), 1e-11);
      EXPECT_NEAR(point.step_variance(step, from, point.variance(from)), point.variance(to), 1e-9);
    }
  }
}

TEST(DdimStep, TheLastStepIsThePredictedImage) {
  const Schedule schedule = linear_schedule(1000);
  for (const double eta : {0.0, 0.5, 1.0}) {
    const StepWeights step = ddim_step(schedule.level(17), schedule.level(0), eta);
    EXPECT_EQ(step.x0_weight, 1.0);
    EXPECT_EQ(step.eps_weight, 0.0);
    EXPECT_EQ(step.noise_weight, 0.0);
  }
}

TEST(DdimStep, RejectsAnEtaOutsideOfItsRange) {
  const Schedule schedule = linear_schedule(1000);
  for (const double eta : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(ddim_step(schedule.level(2), schedule.level(1), eta), InvalidArgument);
  }
}

}  // namespace ddpm
