// DDIM: the family of samplers that share DDPM's training, from deterministic to ancestral.

#pragma once

#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/step_weights.h"

namespace ddpm {

// The step from level `from` at t to level `to` at s < t. [DDIM] eq. 12 with the sigma of eq. 16:
// eta = 0 adds no noise and is Euler's method, of order 1, for the probability flow's equation; eta
// = 1 is the ancestral step with fixed-small variance, if eps belongs to the same x_0. x_weight is
// 0, but where `from` is the clean image, which the step keeps. Throws InvalidArgument unless eta
// is in [0, 1].
StepWeights ddim_step(NoiseLevel from, NoiseLevel to, double eta);

}  // namespace ddpm
