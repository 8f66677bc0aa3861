// A sampler as numbers: which calls of the network it makes, and what it makes of them.
//
// Every sampler of this library is linear in x, in the predictions so far and in fresh noise, with
// weights that the schedule and the list of times alone decide. So a sampler is a function from
// these to a plan, and one loop (run_sampler) walks every plan.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/step_weights.h"

namespace ddpm {

// One call of the network, at x and t, and then
//   x' = x_weight x + base_weight base + sum_k x0_weights[k] x_0[k] + sum_k eps_weights[k] eps[k]
//        + noise_weight z
// where x_0[k] and eps[k] are what was predicted k calls before this one, 0 this one itself, and z
// is standard normal.
struct Stage {
  int64_t t = 0;     // the time of the call, in [1, T]
  int64_t step = 0;  // of the list of times: the step that this is a part of
  bool ends_step = true;

  // Before the call: x <- lift_signal x + lift_noise z, from an earlier time up to t.
  double lift_signal = 1.0;
  double lift_noise = 0.0;
  // What x is at the call, where that is not the schedule's level at t: levels of float32, or of a
  // sigma between times.
  std::optional<NoiseLevel> level;
  bool keeps_base = false;  // before the call, behind the lift: base <- x
  // Whether the predictions of this call count among those that later stages look back at.
  bool is_remembered = true;

  double x_weight = 0.0;
  double base_weight = 0.0;
  std::vector<double> x0_weights;
  std::vector<double> eps_weights;
  double noise_weight = 0.0;
  // Instead of noise_weight: the logarithm of its square, value by value, from the second half of
  // this call's output.
  std::optional<LearnedLogVariance> learned_variance;
};

using Plan = std::vector<Stage>;

// The only stage of step `step`, which leaves time t.
Stage single_stage(int64_t t, int64_t step, const StepWeights& weights);

// The only stage of a step that is_idle_step: x stays to the bit, and no later stage looks back at
// what was predicted here.
Stage idle_stage(int64_t t, int64_t step);

// Throws InvalidArgument unless every weight of the plan is finite, and with it what the network's
// output means at each call. It starts with `who` and names the step.
//   unbounded  x_0 is neither clipped nor thresholded: it has to fit into float32 as predicted
void check_plan(const Plan& plan, Prediction prediction, const Schedule& schedule, bool unbounded,
                const std::string& who);

}  // namespace ddpm
