#include "ddpm/training_torch/ema.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

namespace ddpm {

Ema::Ema(const std::vector<Tensor>& weights) {
  for (const Tensor& weight : weights) averages_.push_back(weight.detach().clone());
}

void Ema::update(const std::vector<Tensor>& weights, double decay) {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> values;
  for (const Tensor& weight : weights) values.push_back(weight.detach());
  at::_foreach_lerp_(averages_, values, 1.0 - decay);  // s + (1 - d) (w - s)
}

}  // namespace ddpm
