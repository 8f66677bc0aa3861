// From a clean image to what a network is trained on: noise, and a target.

#pragma once

#include <cstdint>
#include <span>

#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

// Diffuses the image of training sample `sample` up to t, in [1, T]. Its noise is a function of the
// seed and the sample's number alone.
//   x0, x_t, target  float32 [C, H, W]; no two may overlap
//   target           what the network is to predict
// May be called by several threads at once.
void noise_sample(const Schedule& schedule, Prediction prediction, uint64_t seed, int64_t sample,
                  int64_t t, std::span<const float> x0, std::span<float> x_t,
                  std::span<float> target);

}  // namespace ddpm
