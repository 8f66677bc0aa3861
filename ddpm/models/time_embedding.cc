#include "ddpm/models/time_embedding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {

Tensor sinusoidal_embedding(const Tensor& timesteps, int64_t channels) {
  DDPM_CHECK(channels >= 4, "time embedding: wanted at least 4 channels, got ", channels);
  constexpr double kLongestPeriod = 10000.0;
  const int64_t half = channels / 2;
  const Tensor i = at::arange(half, timesteps.options().dtype(at::kFloat));
  const Tensor f = at::exp(i * -std::log(kLongestPeriod) / static_cast<double>(half - 1));
  const Tensor angle = timesteps.to(at::kFloat).unsqueeze(1) * f.unsqueeze(0);
  const Tensor zeros = at::zeros({timesteps.size(0), channels % 2}, f.options());
  return at::cat({angle.sin(), angle.cos(), zeros}, 1);
}

}  // namespace ddpm
