// One step of any sampler, from a time to an earlier one, as a few numbers.

#pragma once

namespace ddpm {

// x' = x_weight * x + x0_weight * x_0 + eps_weight * eps + noise_weight * z
// with x_0 and eps as they are predicted from x, and z standard normal. float64.
struct StepWeights {
  double x_weight = 0.0;
  double x0_weight = 0.0;
  double eps_weight = 0.0;
  double noise_weight = 0.0;
};

}  // namespace ddpm
