#include "ddpm/training/loss.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace ddpm {

namespace {

Tensor sizes(const Tensor& apart, PointError error) {
  switch (error.kind) {
    case ErrorKind::kSquared:
      return apart.square();
    case ErrorKind::kAbsolute:
      return apart.abs();
    case ErrorKind::kHuber:
      break;
  }
  const Tensor size = apart.abs();
  const Tensor inner = size.clamp_max(error.delta);
  return inner * (2.0 * size - inner);
}

}  // namespace

Tensor image_errors(const Tensor& output, const Tensor& target, PointError error) {
  const Tensor apart = target - output.to(target.scalar_type());
  return sizes(apart, error).flatten(1).mean(1);  // [DDPM] eq. 14
}

}  // namespace ddpm
