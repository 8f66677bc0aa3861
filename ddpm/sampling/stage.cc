#include "ddpm/sampling/stage.h"

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

bool are_finite(std::span<const double> weights) {
  return std::all_of(weights.begin(), weights.end(), [](double w) { return std::isfinite(w); });
}

bool is_finite(const Stage& stage) {
  const double weights[] = {stage.lift_signal, stage.lift_noise, stage.x_weight, stage.base_weight,
                            stage.noise_weight};
  return are_finite(weights) && are_finite(stage.x0_weights) && are_finite(stage.eps_weights) &&
         (!stage.learned_variance || stage.learned_variance->is_finite());
}

}  // namespace

Stage single_stage(int64_t t, int64_t step, const StepWeights& weights) {
  Stage stage;
  stage.t = t;
  stage.step = step;
  stage.x_weight = weights.x_weight;
  stage.x0_weights = {weights.x0_weight};
  stage.eps_weights = {weights.eps_weight};
  stage.noise_weight = weights.noise_weight;
  return stage;
}

Stage idle_stage(int64_t t, int64_t step) {
  Stage stage = single_stage(t, step, {.x_weight = 1.0});
  stage.is_remembered = false;
  return stage;
}

void check_plan(const Plan& plan, Prediction prediction, const Schedule& schedule, bool unbounded,
                const std::string& who) {
  for (const Stage& stage : plan) {
    DDPM_CHECK(is_finite(stage), who, ": expected a schedule whose steps have finite weights, got ",
               "one without them in the step that leaves t = ", stage.t, ", where beta is ",
               schedule.beta(stage.t), " and alpha_bar ", schedule.alpha_bar(stage.t));
    const OutputWeights output = stage.level ? output_weights(prediction, *stage.level)
                                             : output_weights(prediction, schedule, stage.t);
    DDPM_CHECK(!unbounded || fits_unbounded(output), who, ": expected clipping, because ",
               to_string(prediction), " does not give x_0 in float32 at t = ", stage.t,
               ", where alpha_bar is ", schedule.alpha_bar(stage.t),
               "; leave x_0 clipped or predict v or x0");
  }
}

}  // namespace ddpm
