// The oracle of the samplers' tests: data whose best prediction is a formula. float64.
//
// For x_0 ~ N(m, s^2), each value on its own, x_t ~ N(signal m, signal^2 s^2 + sigma^2), and the
// best prediction is linear in x_t. So a step maps mean and variance in closed form, with no
// network and no tolerance that hides a fault.

#pragma once

#include <cmath>

#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/step_weights.h"

namespace ddpm {

struct GaussianData {
  double m = 0.0;
  double s = 1.0;

  double mean(NoiseLevel level) const { return level.signal * m; }
  double variance(NoiseLevel level) const {
    return level.signal * level.signal * s * s + level.sigma * level.sigma;
  }
  double eps(NoiseLevel level, double x) const {
    return level.sigma * (x - mean(level)) / variance(level);
  }
  double x0(NoiseLevel level, double x) const {
    return m + level.signal * s * s * (x - mean(level)) / variance(level);
  }

  // The step from `from` without its noise.
  double step(const StepWeights& weights, NoiseLevel from, double x) const {
    return weights.x_weight * x + weights.x0_weight * x0(from, x) +
           weights.eps_weight * eps(from, x);
  }
  // What becomes of a variance: the step is affine in x, its slope is the difference of two values.
  double step_variance(const StepWeights& weights, NoiseLevel from, double variance) const {
    const double slope = step(weights, from, 1.0) - step(weights, from, 0.0);
    return slope * slope * variance + weights.noise_weight * weights.noise_weight;
  }
};

}  // namespace ddpm
