// For tests: the paper's networks, and one small enough to count by hand.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/unet/config.h"

namespace ddpm {

using List = std::vector<int64_t>;

inline UNetConfig cifar10() { return {}; }

inline UNetConfig lsun256(int64_t base_channels = 128) {
  return {.height = 256,
          .width = 256,
          .levels = paper_levels(base_channels, List{1, 1, 2, 2, 4, 4}, List{16}, 256),
          .dropout = 0.0};
}

inline UNetConfig small() {
  return {.image_channels = 1,
          .height = 8,
          .width = 12,
          .levels = paper_levels(8, List{1, 3}, List{8, 4}, 8),
          .blocks_per_level = 1,
          .norm_groups = 4,
          .norm_epsilon = 1e-5,
          .dropout = 0.25};
}

}  // namespace ddpm
