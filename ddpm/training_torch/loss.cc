#include "ddpm/training_torch/loss.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

Tensor huber(const Tensor& size, double delta) {
  const Tensor inner = size.clamp_max(delta);
  return inner * (2.0 * size - inner);
}

Tensor sizes(const Tensor& apart, PointError error) {
  switch (error.kind) {
    case ErrorKind::kSquared:
      return apart.square();
    case ErrorKind::kAbsolute:
      return apart.abs();
    case ErrorKind::kHuber:
      return huber(apart.abs(), error.delta);
  }
  DDPM_ASSERT(false);
}

}  // namespace

Tensor image_errors(const Tensor& output, const Tensor& target, PointError error) {
  const Tensor apart = target - output.to(target.scalar_type());
  return sizes(apart, error).flatten(1).mean(1);  // [DDPM] eq. 14
}

}  // namespace ddpm
