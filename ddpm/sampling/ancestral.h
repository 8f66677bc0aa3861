// Ancestral sampling: each step is a draw from the model's p(x_s | x_t).

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/step_weights.h"

namespace ddpm {

// Of the reverse step. [DDPM] section 3.2: both gave similar results; the first is right for
// x_0 ~ N(0, 1), the second for an x_0 that is a single point.
enum class Variance {
  kFixedLarge,  // beta, of the forward step
  kFixedSmall,  // beta_tilde, of the posterior q(x_s | x_t, x_0)
};

std::string to_string(Variance variance);  // "fixed_large", "fixed_small"
// Throws InvalidArgument, with the nearest name, for any other word.
Variance variance_from(std::string_view name);
const std::vector<Variance>& all_variances();

// The standard deviation of q(x_s | x_t, x_0), the square root of beta_tilde, for any s < t:
// `from` is the level at t and `to` at s. 0 if s = 0.
double posterior_sigma(NoiseLevel from, NoiseLevel to);

// [DDPM] algorithm 2, lines 3 and 4, in the form of eq. 7 with the predicted x_0, for any s < t:
// for t - s > 1 the step's alpha is alpha_bar_t / alpha_bar_s and its beta the rest to 1. No noise
// is added in the step to s = 0. eps_weight is 0.
StepWeights ancestral_step(NoiseLevel from, NoiseLevel to, Variance variance);

}  // namespace ddpm
