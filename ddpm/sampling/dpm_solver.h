// DPM-Solver++, Lu et al. 2022 [DPM++]: exponential integrators on the axis of lambda, in terms of
// the predicted x_0.
//
// lambda = ln(signal / sigma), h = lambda_s - lambda_t for a step from t to s. The step to the
// clean image, where h is infinite, is of first order: it ends in the predicted x_0.

#pragma once

#include <cstdint>
#include <span>

#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/stage.h"
#include "ddpm/sampling/step_weights.h"

namespace ddpm {

// First order, [DPM++] section 4; the step of DDIM with eta = 0 if x_0 and eps belong together.
StepWeights dpm_first_order_step(NoiseLevel from, NoiseLevel to);

enum class DpmNoise {
  kNone,        // the probability flow
  kStochastic,  // the diffusion equation backwards; as much noise as ancestral steps have
};

// What diffusers calls solver_type, and lower_order_final or euler_at_final.
struct DpmRule {
  bool heun = false;             // the slope of x_0 is integrated exactly; false: midpoint
  bool first_order_end = false;  // the last step is of first order
};

// Order 2 with one call a step, from the predictions at this time and at the one before: the
// multistep solver, [DPM++] algorithm 2 in its midpoint form or in Heun's. The first step is of
// first order. `end` is the level that the last step goes to, of time 0 or 1.
Plan dpm_multistep_plan(const Schedule& schedule, std::span<const int64_t> times, DpmNoise noise,
                        NoiseLevel end, const DpmRule& rule = {});

// Order 2 with two calls a step, the second at the time whose lambda is nearest to the middle: the
// singlestep solver, [DPM++] algorithm 1. A step between neighbouring times is of first order.
Plan dpm_singlestep_plan(const Schedule& schedule, std::span<const int64_t> times);

}  // namespace ddpm
