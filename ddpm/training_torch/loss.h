// How far a prediction is off, on tensors.

#pragma once

#include "ddpm/config/choices.h"
#include "ddpm/tensor/tensor.h"

namespace ddpm {

struct PointError {
  ErrorKind kind = ErrorKind::kSquared;
  // Of Huber's: squared up to delta and from there on 2 delta |error| - delta^2, which continues it
  // with the same slope.
  double delta = 1.0;
};

// The mean over the values of each image of the error's size, in float32 whatever the output's
// dtype. Squared it is L_simple, which [DDPM] eq. 14 averages over images, times and noise.
//   output, target  [N, C, H, W]
//   result          [N], differentiable in output
Tensor image_errors(const Tensor& output, const Tensor& target, PointError error = {});

}  // namespace ddpm
