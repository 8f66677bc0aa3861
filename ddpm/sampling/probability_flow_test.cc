// The probability flow carries the density, on Gaussian data, where the density is known at any
// time.
//
// With y = x / signal and u = sigma / signal the flow is dy / du = eps(x, t), and along it
//   d ln p(y) / du = -tr(d eps / d y).

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "ddpm/sampling/sigma_steps.h"
#include "ddpm/testing/gaussian_data.h"

namespace ddpm {
namespace {

// Equally spaced in the angle whose sine is sigma, from nearly clean to nearly pure noise.
NoiseLevel level_at(int64_t i, int64_t steps) {
  const double angle = 0.1 + 1.3 * static_cast<double>(i) / static_cast<double>(steps);
  return {.signal = std::cos(angle), .sigma = std::sin(angle)};
}

double log_density(const GaussianData& data, NoiseLevel level, double x) {
  const double apart = x - data.mean(level);
  const double variance = data.variance(level);
  return -0.5 * (std::log(2.0 * std::numbers::pi * variance) + apart * apart / variance);
}

// How far the density that the flow carries from the last level back to x at the first is off.
double error_of_steps(int64_t steps) {
  const GaussianData data{.m = 0.3, .s = 0.5};
  const double start = 0.9;
  double x = start;
  double trace = 0.0;
  for (int64_t i = 0; i < steps; ++i) {
    const NoiseLevel from = level_at(i, steps);
    const NoiseLevel to = level_at(i + 1, steps);
    const double slope = (data.eps(from, 1.0) - data.eps(from, 0.0)) * from.signal;  // d eps / d y
    trace += slope * (to.sigma / to.signal - from.sigma / from.signal);
    x = data.step(euler_step(from, to), from, x);
  }
  const NoiseLevel first = level_at(0, steps);
  const NoiseLevel last = level_at(steps, steps);
  // ln p(x) = ln p(y) - ln signal
  const double carried = log_density(data, last, x) + std::log(last.signal / first.signal) + trace;
  return carried - log_density(data, first, start);
}

TEST(ProbabilityFlow, CarriesTheLogDensityByTheTraceOfEps) {
  const double coarse = error_of_steps(400);
  const double fine = error_of_steps(800);
  EXPECT_NEAR(std::log2(std::abs(coarse / fine)), 1.0, 0.05);   // Euler's order
  EXPECT_LT(std::abs(2.0 * fine - coarse), 4.0 * fine * fine);  // no more than the second order
}

}  // namespace
}  // namespace ddpm
