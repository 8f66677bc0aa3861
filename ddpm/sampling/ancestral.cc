#include "ddpm/sampling/ancestral.h"

#include <cmath>

#include "ddpm/diffusion/schedule.h"

namespace ddpm {

namespace {

// Of the forward process from s to t: q(x_t | x_s) = N(sqrt(alpha) x_s, beta).
struct ForwardStep {
  double alpha;
  double beta;
};

ForwardStep forward_step(NoiseLevel from, NoiseLevel to) {
  const double ratio = from.signal / to.signal;
  const double alpha = ratio * ratio;
  // 1 - alpha, without its cancellation: exactly from.sigma^2 for s = 0
  return {alpha, from.sigma * from.sigma - alpha * to.sigma * to.sigma};
}

}  // namespace

double posterior_sigma(NoiseLevel from, NoiseLevel to) {
  if (is_idle_step(from, to)) return 0.0;
  return to.sigma / from.sigma * std::sqrt(forward_step(from, to).beta);  // [DDPM] eq. 7
}

StepWeights ancestral_step(NoiseLevel from, NoiseLevel to, Variance variance) {
  if (is_idle_step(from, to)) return {.x_weight = 1.0};
  const auto [alpha, beta] = forward_step(from, to);
  const double variance_t = from.sigma * from.sigma;  // 1 - alpha_bar_t
  const double variance_s = to.sigma * to.sigma;
  StepWeights step;
  step.x0_weight = to.signal * beta / variance_t;              // [DDPM] eq. 7
  step.x_weight = std::sqrt(alpha) * variance_s / variance_t;  // [DDPM] eq. 7
  if (!to.is_clean() && !is_learned(variance)) {               // [DDPM] algorithm 2
    step.noise_weight =
        variance == Variance::kFixedLarge ? std::sqrt(beta) : posterior_sigma(from, to);
  }
  return step;
}

}  // namespace ddpm
