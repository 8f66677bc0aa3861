#include "ddpm/training/loss.h"

#include <ATen/TensorOperators.h>

namespace ddpm {

Tensor simple_losses(const Tensor& output, const Tensor& target) {
  const at::ScalarType type = target.scalar_type();
  return (target - output.to(type)).square().flatten(1).mean(1);  // [DDPM] eq. 14
}

}  // namespace ddpm
