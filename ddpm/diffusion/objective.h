// What training makes small, as a definition: plain loops in float64, no gradient.
//
// Training computes the same on tensors; a test holds it to this.

#pragma once

#include <span>

namespace ddpm {

// L_simple of one image: the mean over its values of (target - output)^2. [DDPM] eq. 14 averages it
// over images, times and noise; its target is eps.
//   target, output  of one size, at least 1
// Throws InvalidArgument if the sizes differ or are 0.
double simple_loss(std::span<const float> target, std::span<const float> output);

}  // namespace ddpm
