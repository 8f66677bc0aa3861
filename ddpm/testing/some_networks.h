// For tests: networks of every kind, most of them small and chosen by chance.

#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/testing/golden_unet.h"
#include "ddpm/unet/config.h"

namespace ddpm {

// Choices that follow from a seed, the same with every library.
class Choices {
 public:
  explicit Choices(uint64_t seed) : bits_(seed) {}

  // In [least, most].
  int64_t among(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(bits_() % static_cast<uint64_t>(most - least + 1));
  }
  bool coin() { return among(0, 1) == 1; }

 private:
  std::mt19937_64 bits_;
};

// Channels of a level: a multiple of `groups`, even if wanted, seldom one of 16.
inline int64_t some_channels(Choices& choose, int64_t groups, bool even) {
  const int64_t unit = even ? std::lcm(groups, int64_t{2}) : groups;
  const int64_t least = (4 + unit - 1) / unit, most = std::max(least, 40 / unit);
  return unit * choose.among(least, most);
}

inline void choose_attention(Choices& choose, UNetConfig& config) {
  for (UNetLevel& level : config.levels) {
    level.attention_down = choose.among(0, 3) == 0;
    level.attention_up = choose.among(0, 3) == 0;
  }
  config.middle_attention = choose.among(0, 3) > 0;
  int64_t narrowest = 40;
  for (const UNetLevel& level : config.levels) narrowest = std::min(narrowest, level.channels);
  config.head_channels = choose.coin() ? choose.among(1, narrowest) : 0;
  const int64_t middle = config.levels.back().channels;
  const int64_t groups = choose.among(1, middle);
  config.middle_attention_groups = middle % groups == 0 ? groups : 0;
}

inline void choose_time(Choices& choose, UNetConfig& config) {
  config.scale_shift = choose.coin();
  config.time_channels = choose.coin() ? choose.among(1, 50) : 0;
  config.cosine_first = choose.coin();
  config.frequency_shift = choose.among(0, std::min<int64_t>(1, config.base_channels() / 2 - 1));
  config.learned_times = choose.among(0, 3) == 0 ? choose.among(3, 20) : 0;
  config.classes = choose.among(0, 2) == 0 ? choose.among(1, 5) : 0;
}

// A small network that check_unet_config takes.
//   most_units  pixels a side of the lowest level, at most
inline UNetConfig some_unet(uint64_t seed, int64_t most_units = 6) {
  Choices choose(seed);
  UNetConfig config;
  config.image_channels = choose.among(1, 4);
  config.learned_variance = choose.coin();
  config.norm_groups = choose.among(1, 6);
  config.levels.clear();
  for (int64_t i = choose.among(1, 3); i > 0; --i) {
    config.levels.push_back(
        {.channels = some_channels(choose, config.norm_groups, config.levels.empty()),
         .down = choose.coin() ? Resampling::kConvolution : Resampling::kResidualBlock,
         .up = choose.coin() ? Resampling::kConvolution : Resampling::kResidualBlock});
  }
  const int64_t unit = int64_t{1} << (config.level_count() - 1);
  config.height = unit * choose.among(1, most_units);
  config.width = unit * choose.among(1, most_units);
  config.blocks_per_level = choose.among(1, 2);
  config.norm_epsilon = choose.coin() ? 1e-6 : 1e-3;
  config.middle_scale = choose.coin() ? 1.0 : 1.5;
  config.downsample_padding = choose.among(0, 1);
  config.center_input = choose.coin();
  choose_attention(choose, config);
  choose_time(choose, config);
  return config;
}

// The first of them that `wanted` takes.
template <typename Wanted>
UNetConfig some_unet_with(const Wanted& wanted) {
  uint64_t seed = 0;
  while (!wanted(some_unet(seed))) ++seed;
  return some_unet(seed);
}

// The paper's networks for CIFAR-10 and for images of 256 pixels a side, and one small enough to
// count by hand.
inline UNetConfig cifar10() { return {}; }

inline UNetConfig lsun256(int64_t base_channels = 128) {
  const std::vector<int64_t> multipliers = {1, 1, 2, 2, 4, 4}, attention = {16};
  return {.height = 256,
          .width = 256,
          .levels = paper_levels(base_channels, multipliers, attention, 256),
          .dropout = 0.0};
}

inline UNetConfig small() {
  const std::vector<int64_t> multipliers = {1, 3}, attention = {8, 4};
  return {.image_channels = 1,
          .height = 8,
          .width = 12,
          .levels = paper_levels(8, multipliers, attention, 8),
          .blocks_per_level = 1,
          .norm_groups = 4,
          .norm_epsilon = 1e-5,
          .dropout = 0.25};
}

// Networks whose graph is inspected and not run: the golden ones, the paper's, and others.
inline std::vector<std::pair<std::string, UNetConfig>> networks_of_all_kinds() {
  std::vector<std::pair<std::string, UNetConfig>> all = {{"cifar10", cifar10()},
                                                         {"lsun256", lsun256()}};
  for (const auto& [name, golden] : golden_unet_files(DDPM_SOURCE_DIR)) {
    all.emplace_back(name, unet_config_from_json(golden.at("config"), name));
  }
  for (uint64_t seed = 0; seed < 200; ++seed) {
    all.emplace_back("some_unet(" + std::to_string(seed) + ")", some_unet(seed));
  }
  return all;
}

}  // namespace ddpm
