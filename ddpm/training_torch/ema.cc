#include "ddpm/training_torch/ema.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "ddpm/base/check.h"

namespace ddpm {

double ema_decay_at(EmaRule rule, double decay, int64_t updates) {
  const auto n = static_cast<double>(updates);
  switch (rule) {
    case EmaRule::kWarmup:
      return std::min(decay, (1.0 + n) / (10.0 + n));
    case EmaRule::kConstant:
      return decay;
  }
  DDPM_ASSERT(false);
}

Ema::Ema(const std::vector<Tensor>& weights, EmaRule rule, double decay)
    : rule_(rule), decay_(decay) {
  DDPM_CHECK(decay >= 0.0 && decay < 1.0, "ema: the decay must be in [0, 1), got ", decay);
  for (const Tensor& weight : weights) averages_.push_back(weight.detach().clone());
}

void Ema::update(const std::vector<Tensor>& weights) {
  const at::NoGradGuard no_grad;
  const double d = next_decay();
  std::vector<Tensor> values;
  for (const Tensor& weight : weights) values.push_back(weight.detach());
  at::_foreach_lerp_(averages_, values, 1.0 - d);  // s + (1 - d) (w - s)
  ++updates_;
}

}  // namespace ddpm
