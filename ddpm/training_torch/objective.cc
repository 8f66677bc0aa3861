#include "ddpm/training_torch/objective.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/loss_weight.h"
#include "ddpm/tensor/convert.h"

namespace ddpm {

namespace {

std::vector<double> weights_of(const TrainConfig& config, const Schedule& schedule) {
  const LossWeightOptions& options = config.loss_weight;
  if (!has_error(config.loss) || options.kind == LossWeight::kNone) return {};
  std::vector<double> weights = {0.0};
  for (int64_t t = 1; t <= schedule.steps(); ++t) {
    weights.push_back(loss_weight(options, config.prediction, config.variance, schedule, t));
  }
  return weights;
}

// Of the bound, in the losses that have one.
double bound_weight_of(const TrainConfig& config) {
  switch (config.loss) {
    case LossKind::kSimple:
    case LossKind::kBound:
      return 1.0;
    case LossKind::kHybrid:
      return config.hybrid_weight;
  }
  DDPM_ASSERT(false);
}

}  // namespace

Objective::Objective(const TrainConfig& config)
    : schedule_(make_schedule(schedule_config_of(checked(config, "objective")))),
      prediction_(config.prediction),
      variance_(config.variance),
      error_{.kind = config.error, .delta = config.huber_delta},
      weights_(weights_of(config, schedule_)),
      has_error_(has_error(config.loss)),
      bound_weight_(bound_weight_of(config)) {
  if (has_bound(config.loss)) bound_.emplace(schedule_, prediction_, variance_);
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
