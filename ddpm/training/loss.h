// The training loss on tensors.

#pragma once

#include "ddpm/tensor/tensor.h"

namespace ddpm {

// L_simple of each image, the mean over its values of (target - output)^2, in float32 whatever the
// output's dtype; [DDPM] eq. 14 averages it over images, times and noise.
//   output, target  [N, C, H, W]
//   result          [N], differentiable in output
Tensor simple_losses(const Tensor& output, const Tensor& target);

}  // namespace ddpm
