// Single steps as diffusers 0.42.1 computes their weights, in its order of operations.
//
// Real is float for its numbers, which it computes in float32, or double for the same formulas
// without the rounding, which tests hold against this library's own steps. a is alpha_bar where x
// is, b where it goes.

#pragma once

#include <algorithm>
#include <cmath>

#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/step_weights.h"

namespace ddpm {

template <typename Real>
struct DiffusersVariances {
  Real small;  // beta_tilde, at least 1e-20
  Real large;  // beta
};

// scheduling_ddpm.py, _get_variance
template <typename Real>
DiffusersVariances<Real> diffusers_variances(Real a, Real b) {
  const Real beta = 1 - a / b;
  const Real beta_tilde = (1 - b) / (1 - a) * beta;
  return {std::max(beta_tilde, static_cast<Real>(1e-20)), beta};
}

// scheduling_ddpm.py, step, without its noise
template <typename Real>
StepWeights diffusers_ddpm_step(Real a, Real b) {
  const Real alpha = a / b;
  const Real beta = 1 - alpha;
  StepWeights step;
  step.x0_weight = std::sqrt(b) * beta / (1 - a);        // [DDPM] eq. 7
  step.x_weight = std::sqrt(alpha) * (1 - b) / (1 - a);  // [DDPM] eq. 7
  return step;
}

// scheduling_ddim.py, step
template <typename Real>
StepWeights diffusers_ddim_step(Real a, Real b, Real eta) {
  const Real variance = (1 - b) / (1 - a) * (1 - a / b);
  const Real sigma = eta * std::sqrt(variance);  // [DDIM] eq. 16
  StepWeights step;
  step.x0_weight = std::sqrt(b);  // [DDIM] eq. 12
  step.eps_weight = std::sqrt(std::max(1 - b - sigma * sigma, Real{0}));
  step.noise_weight = sigma;
  return step;
}

// scheduling_pndm.py, _get_prev_sample
template <typename Real>
StepWeights diffusers_pndm_transfer(Real a, Real b) {
  const Real divisor = a * std::sqrt(1 - b) + std::sqrt(a * (1 - a) * b);
  StepWeights step;
  step.x_weight = std::sqrt(b / a);
  step.eps_weight = a == b ? Real{0} : -(b - a) / divisor;
  return step;
}

// A point of scheduling_dpmsolver_multistep.py, which keeps u = sigma / signal alone.
template <typename Real>
struct DiffusersDpmPoint {
  explicit DiffusersDpmPoint(Real u)
      : signal(1 / std::sqrt(u * u + 1)),
        sigma(u * signal),
        lambda(std::log(signal) - std::log(sigma)) {}

  NoiseLevel level() const { return {.signal = signal, .sigma = sigma}; }

  Real signal;
  Real sigma;
  Real lambda;
};

struct DiffusersDpmRule {
  bool stochastic = false;  // sde-dpmsolver++ in place of dpmsolver++
  bool heun = false;        // of the second order, in place of midpoint
};

// The weights of x, of the newest x_0, of its slope D1 and of noise.
struct DiffusersDpmWeights {
  double x;
  double x0;
  double slope;
  double noise;
};

// dpm_solver_first_order_update and multistep_dpm_solver_second_order_update
template <typename Real>
DiffusersDpmWeights diffusers_dpm_step(const DiffusersDpmPoint<Real>& from,
                                       const DiffusersDpmPoint<Real>& to,
                                       const DiffusersDpmRule& rule) {
  const Real h = to.lambda - from.lambda;
  const Real ratio = to.sigma / from.sigma;
  if (!rule.stochastic) {
    const Real grown = std::exp(-h) - 1;
    const Real x0 = -(to.signal * grown);
    return {ratio, x0, rule.heun ? to.signal * (grown / h + 1) : x0 / 2, 0.0};
  }
  const Real lost = 1 - std::exp(-2 * h);
  const Real x0 = to.signal * lost;
  return {ratio * std::exp(-h), x0, rule.heun ? to.signal * (lost / (-2 * h) + 1) : x0 / 2,
          to.sigma * std::sqrt(lost)};
}

}  // namespace ddpm
