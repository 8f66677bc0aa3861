// A network small enough to be written a thousand times, with numbers for all its parameters.

#pragma once

#include <cmath>

#include "ddpm/diffusers/parameters.h"
#include "ddpm/unet/config.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

inline UNetConfig toy_unet() {
  return {.image_channels = 1,
          .height = 4,
          .width = 4,
          .levels = {{.channels = 4}},
          .blocks_per_level = 1,
          .norm_groups = 2,
          .dropout = 0.0};
}

// Numbers that differ from place to place and use all their bits; tiny and negative ones too.
inline ParameterValues toy_values(const UNetConfig& unet, double seed) {
  ParameterValues values;
  double k = seed;
  for (const NamedShape& parameter : unet_parameters(unet)) {
    int64_t count = 1;
    for (const int64_t extent : parameter.shape) count *= extent;
    values.emplace_back();
    for (int64_t i = 0; i < count; ++i) {
      k += 1.0;
      values.back().push_back(static_cast<float>(std::sin(k) * std::exp(-std::fmod(k, 90.0))));
    }
  }
  return values;
}

}  // namespace ddpm
