// Euler's and Heun's method for the probability flow on the axis of sigma / signal, as Karras et
// al. 2022 [EDM] have them, over a network that was trained with a schedule.
//
// With y = x / signal and u = sigma / signal the flow is dy / du = eps(x, t). Where u is huge, as
// at the end of the cosine schedule, where it is 20,000, a mean of the eps at both ends of a step
// would be off by as many times its error, while x_0 is known no better than its mean: steps from a
// u beyond kLargestU are of first order, in these methods and in pndm.h's. [EDM] begins at 80.

#pragma once

#include <cstdint>
#include <span>

#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/stage.h"
#include "ddpm/sampling/step_weights.h"

namespace ddpm {

// [EDM] algorithm 2: noise that is put back before a step. The network knows the times of its
// schedule alone, so a step is lifted to that of them whose u is nearest to (1 + gamma) u.
struct Churn {
  double amount = 0.0;       // S_churn, at least 0: gamma is its N-th part, at most sqrt(2) - 1
  double least_u = 0.0;      // S_min: no lift below
  double most_u = 1e300;     // S_max: no lift above
  double noise_scale = 1.0;  // S_noise
};

inline constexpr double kLargestU = 1000.0;  // the paper's linear schedule has 157 at T

// Whether steps from this level are of first order whatever the method.
bool is_nearly_noise(NoiseLevel level);

// [EDM] algorithm 1, line 5: y' = y + (u' - u) eps, in terms of x. Where the level is
// nearly noise it is the same in its other form, signal' x_0 + sigma' eps.
StepWeights euler_step(NoiseLevel from, NoiseLevel to);

// Order 1, one call a step.
Plan euler_plan(const Schedule& schedule, std::span<const int64_t> times, const Churn& churn);

// [EDM] algorithms 1 and 2. Order 2, two calls a step but for the last one, which is Euler's.
Plan heun_plan(const Schedule& schedule, std::span<const int64_t> times, const Churn& churn);

}  // namespace ddpm
