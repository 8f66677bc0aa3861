#include "ddpm/training/objective.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "ddpm/diffusion/loss_weight.h"
#include "ddpm/tensor/convert.h"

namespace ddpm {

namespace {

std::vector<double> weights_of(const TrainConfig& config, Prediction prediction,
                               const Schedule& schedule) {
  const LossWeightOptions options = loss_weight_options_of(config);
  if (config.loss == "bound" || options.kind == LossWeight::kNone) return {};
  std::vector<double> weights = {0.0};
  for (int64_t t = 1; t <= schedule.steps(); ++t) {
    weights.push_back(loss_weight(options, prediction, schedule, t));
  }
  return weights;
}

PointError error_of(const TrainConfig& config) {
  const ErrorKind kind = config.error == "absolute" ? ErrorKind::kAbsolute
                         : config.error == "huber"  ? ErrorKind::kHuber
                                                    : ErrorKind::kSquared;
  return {.kind = kind, .delta = config.huber_delta};
}

}  // namespace

Objective::Objective(const TrainConfig& config)
    : schedule_(make_schedule(schedule_config_of(config))),
      prediction_(prediction_of(config)),
      variance_(variance_from(config.variance)),
      error_(error_of(config)),
      weights_(weights_of(config, prediction_, schedule_)),
      has_error_(config.loss != "bound"),
      bound_weight_(config.loss == "hybrid" ? config.hybrid_weight : 1.0) {
  if (config.loss != "simple") bound_.emplace(schedule_, prediction_, variance_);
}

Tensor Objective::losses(const Tensor& output, const NoisyBatch& noisy, ConstBatchView x0) const {
  const Tensor target = to_tensor(noisy.target, output.device());
  Tensor prediction = output;
  Tensor variance;
  if (is_learned(variance_)) {
    const std::vector<Tensor> halves = output.chunk(2, 1);
    prediction = halves[0];
    variance = halves[1];
  }
  Tensor sum;
  if (has_error_) {
    sum = image_errors(prediction, target, error_);
    if (!weights_.empty()) {
      std::vector<double> of_t;
      for (const int64_t t : noisy.t) of_t.push_back(weights_[static_cast<size_t>(t)]);
      sum = sum * to_float_tensor(of_t, output.device());
    }
  }
  if (!bound_) return sum;
  const Tensor terms = (*bound_)({.prediction = has_error_ ? prediction.detach() : prediction,
                                  .variance_output = variance,
                                  .target = target,
                                  .x0 = x0,
                                  .x_t = noisy.x_t,
                                  .t = noisy.t});
  return has_error_ ? sum + bound_weight_ * terms : terms;
}

}  // namespace ddpm
