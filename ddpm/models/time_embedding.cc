#include "ddpm/models/time_embedding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {

Tensor sinusoidal_embedding(const Tensor& timesteps, int64_t channels, int64_t frequency_shift,
                            bool cosine_first) {
  DDPM_CHECK(channels >= 4, "time embedding: wanted at least 4 channels, got ", channels);
  DDPM_CHECK(frequency_shift >= 0 && frequency_shift < channels / 2,
             "time embedding: wanted a frequency shift in [0, ", channels / 2, "), got ",
             frequency_shift);
  constexpr double kLongestPeriod = 10000.0;
  const int64_t half = channels / 2;
  const Tensor i = at::arange(half, timesteps.options().dtype(at::kFloat));
  const Tensor f =
      at::exp(i * -std::log(kLongestPeriod) / static_cast<double>(half - frequency_shift));
  const Tensor angle = timesteps.to(at::kFloat).unsqueeze(1) * f.unsqueeze(0);
  const Tensor zeros = at::zeros({timesteps.size(0), channels % 2}, f.options());
  const Tensor first = cosine_first ? angle.cos() : angle.sin();
  const Tensor second = cosine_first ? angle.sin() : angle.cos();
  return at::cat({first, second, zeros}, 1);
}

}  // namespace ddpm
