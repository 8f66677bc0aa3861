// Ancestral sampling: each step is a draw from the model's p(x_s | x_t).

#pragma once

#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/step_weights.h"

namespace ddpm {

// The standard deviation of q(x_s | x_t, x_0), the square root of beta_tilde, for any s < t:
// `from` is the level at t and `to` at s. 0 if s = 0, and for a step that is_idle_step.
double posterior_sigma(NoiseLevel from, NoiseLevel to);

// [DDPM] algorithm 2, lines 3 and 4, in the form of eq. 7 with the predicted x_0, for any s < t:
// for t - s > 1 the step's alpha is alpha_bar_t / alpha_bar_s and its beta the rest to 1. No noise
// is added in the step to s = 0. eps_weight is 0, and so is noise_weight with a learned variance,
// which has no number before the network is asked. A step that is_idle_step keeps x.
StepWeights ancestral_step(NoiseLevel from, NoiseLevel to, Variance variance);

}  // namespace ddpm
