#include "ddpm/sampling/stage.h"

namespace ddpm {

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

}  // namespace ddpm
