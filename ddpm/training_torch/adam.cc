#include "ddpm/training_torch/adam.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "ddpm/base/check.h"

namespace ddpm {

Adam::Adam(std::vector<Tensor> parameters, const AdamOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  DDPM_CHECK(!parameters_.empty(), "adam: wanted at least one parameter, got none");
  for (const Tensor& parameter : parameters_) {
    m_.push_back(at::zeros_like(parameter).detach());
    v_.push_back(at::zeros_like(parameter).detach());
  }
  k_.assign(parameters_.size(), at::zeros({}, parameters_[0].options().requires_grad(false)));
}

void Adam::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> values;
  std::vector<Tensor> gradients;
  for (const Tensor& parameter : parameters_) {
    DDPM_ASSERT(parameter.grad().defined());
    values.push_back(parameter.detach());
    gradients.push_back(parameter.grad());
  }
  restore(updates_ + 1);
  at::_fused_adam_(values, gradients, m_, v_, /*max_exp_avg_sqs=*/{}, k_, learning_rate,
                   options_.beta1, options_.beta2, /*weight_decay=*/0.0, options_.epsilon,
                   /*amsgrad=*/false, /*maximize=*/false);
}

void Adam::restore(int64_t updates) {
  updates_ = updates;
  k_[0].fill_(updates);
}

}  // namespace ddpm
