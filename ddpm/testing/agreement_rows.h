// For the test of agreement: networks in which each field of a UNetConfig takes several values.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ddpm/unet/config.h"

namespace ddpm {

struct AgreementRow {
  std::string name;
  UNetConfig config;
  int64_t images = 3;       // of one call
  double query_gain = 1.0;  // a factor of all queries: 1 leaves attention even, 6 makes it sharp
};

// What most rows change one thing of. The convolutions of its first two levels are F(4x4), those of
// the third F(2x2).
inline UNetConfig small_network() {
  return {.height = 16,
          .width = 24,
          .levels = {{.channels = 32},
                     {.channels = 48, .attention_down = true, .attention_up = true},
                     {.channels = 64}},
          .blocks_per_level = 1,
          .norm_groups = 8};
}

// The small network after `change` was made to it.
template <typename Change>
UNetConfig small_network_with(const Change& change) {
  UNetConfig config = small_network();
  change(config);
  return config;
}

inline UNetConfig sized(int64_t height, int64_t width) {
  return small_network_with([&](UNetConfig& it) {
    it.height = height;
    it.width = width;
  });
}

// The channels of each level, with attention where the small network has it.
inline UNetConfig wide(const std::vector<int64_t>& channels, int64_t groups) {
  return small_network_with([&](UNetConfig& it) {
    it.levels.resize(channels.size());
    for (size_t i = 0; i < channels.size(); ++i) it.levels[i].channels = channels[i];
    it.norm_groups = groups;
  });
}

inline UNetConfig with_attention(bool down, bool up, bool middle) {
  return small_network_with([&](UNetConfig& it) {
    for (UNetLevel& level : it.levels) {
      level.attention_down = down;
      level.attention_up = up;
    }
    it.middle_attention = middle;
  });
}

inline UNetConfig with_resampling(Resampling down, Resampling up) {
  return small_network_with([&](UNetConfig& it) {
    for (UNetLevel& level : it.levels) {
      level.down = down;
      level.up = up;
    }
  });
}

// The paper's networks, narrower.
inline UNetConfig paper_network(int64_t base_channels, const std::vector<int64_t>& multipliers,
                                int64_t side, int64_t attention) {
  const std::vector<int64_t> resolutions = {attention};
  return {.height = side,
          .width = side,
          .levels = paper_levels(base_channels, multipliers, resolutions, side),
          .norm_groups = base_channels};
}

// What diffusers' constructor makes, of an eighth of its channels.
inline UNetConfig constructor_network() {
  return unet_config_from_json({{"_class_name", "UNet2DModel"},
                                {"sample_size", 32},
                                {"block_out_channels", {28, 56, 84, 112}},
                                {"norm_num_groups", 4}},
                               "the constructor's network");
}

// Everything at once that goes together.
inline UNetConfig busy_network() {
  return {.image_channels = 2,
          .height = 12,
          .width = 20,
          .levels = {{.channels = 20, .attention_up = true, .down = Resampling::kResidualBlock},
                     {.channels = 36, .attention_down = true},
                     {.channels = 28, .up = Resampling::kResidualBlock}},
          .blocks_per_level = 2,
          .norm_groups = 4,
          .norm_epsilon = 1e-4,
          .learned_variance = true,
          .middle_attention_groups = 7,
          .middle_scale = 1.25,
          .head_channels = 6,
          .scale_shift = true,
          .downsample_padding = 1,
          .center_input = true,
          .time_channels = 44,
          .cosine_first = true,
          .frequency_shift = 0,
          .classes = 5};
}

inline std::vector<AgreementRow> rows_of_whole_networks(int64_t large_side) {
  return {{"CIFAR-10, 32 channels", paper_network(32, {1, 2, 2, 2}, 32, 16)},
          {"256x256, 16 channels",
           paper_network(16, {1, 1, 2, 2, 4, 4}, large_side, large_side / 16), 1},
          {"diffusers' defaults, 28 channels", constructor_network()},
          {"many options at once", busy_network()}};
}

inline std::vector<AgreementRow> rows_of_shapes() {
  const auto with = [](auto change) { return small_network_with(change); };
  return {{"small: 32, 48, 64 channels, 16x24", small_network()},
          {"8 images", small_network(), 8},
          {"1 image channel", with([](auto& it) { it.image_channels = 1; })},
          {"2 image channels", with([](auto& it) { it.image_channels = 2; })},
          {"4 image channels", with([](auto& it) { it.image_channels = 4; })},
          {"6 output channels", with([](auto& it) { it.learned_variance = true; })},
          {"24x40", sized(24, 40)},
          {"36x20", sized(36, 20)},
          {"4x4, one pixel below", sized(4, 4)},
          {"20, 36, 48 channels", wide({20, 36, 48}, 4)},
          {"10, 25, 35 channels", wide({10, 25, 35}, 5)},
          {"a group a channel", wide({32, 32, 32}, 32)},
          {"one group", wide({32, 48, 64}, 1)},
          {"1 level", wide({32}, 8)},
          {"5 levels, 16x16 to 1x1", with([](auto& it) {
             it.width = 16;
             it.levels.resize(5, {.channels = 40});
           })},
          {"2 blocks a level", with([](auto& it) { it.blocks_per_level = 2; })},
          {"3 blocks a level", with([](auto& it) { it.blocks_per_level = 3; })}};
}

inline std::vector<AgreementRow> rows_of_attention() {
  const auto with = [](auto change) { return small_network_with(change); };
  return {{"no attention", with_attention(false, false, false)},
          {"attention on the way down", with_attention(true, false, false)},
          {"attention on the way up", with_attention(false, true, false)},
          {"attention everywhere", with_attention(true, true, true)},
          {"attention in the middle, of 15 pixels", with([](auto& it) {
             it = with_attention(false, false, true);
             it.height = 12;
             it.width = 20;
           })},
          {"sharp attention", small_network(), 3, 6.0},
          {"heads of 8 channels", with([](auto& it) { it.head_channels = 8; })},
          {"heads of 5 channels, with a rest", with([](auto& it) { it.head_channels = 5; })},
          {"heads of 1 channel", with([](auto& it) { it.head_channels = 1; })},
          {"the middle's own groups", with([](auto& it) { it.middle_attention_groups = 2; })},
          {"the middle divided by 1.5", with([](auto& it) { it.middle_scale = 1.5; })}};
}

inline std::vector<AgreementRow> rows_of_options() {
  const auto with = [](auto change) { return small_network_with(change); };
  constexpr auto kBlock = Resampling::kResidualBlock, kConvolution = Resampling::kConvolution;
  return {{"scale and shift", with([](auto& it) { it.scale_shift = true; })},
          {"scale, shift, a normed middle", with([](auto& it) {
             it.scale_shift = true;
             it.middle_attention_groups = 4;
           })},
          {"resampling in blocks", with_resampling(kBlock, kBlock)},
          {"resampling in blocks downwards", with_resampling(kBlock, kConvolution)},
          {"resampling in blocks upwards", with_resampling(kConvolution, kBlock)},
          {"padding all round", with([](auto& it) { it.downsample_padding = 1; })},
          {"centred input", with([](auto& it) { it.center_input = true; })},
          {"epsilon 1e-3", with([](auto& it) { it.norm_epsilon = 1e-3; })},
          {"dropout 0.9, of no effect", with([](auto& it) { it.dropout = 0.9; })},
          {"50 time channels", with([](auto& it) { it.time_channels = 50; })},
          {"cosines first", with([](auto& it) { it.cosine_first = true; })},
          {"frequency shift 0", with([](auto& it) { it.frequency_shift = 0; })},
          {"learned times", with([](auto& it) { it.learned_times = 1000; })},
          {"7 classes", with([](auto& it) { it.classes = 7; })}};
}

// All but the largest.
//   large_side  pixels a side of the network for 256x256
inline std::vector<AgreementRow> agreement_rows(int64_t large_side) {
  std::vector<AgreementRow> all;
  for (const auto& rows : {rows_of_whole_networks(large_side), rows_of_shapes(),
                           rows_of_attention(), rows_of_options()}) {
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace ddpm
