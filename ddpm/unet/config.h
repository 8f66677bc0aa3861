// The U-Net's description: what its config.json says, and every tensor that such a network has.
//
// The networks are those that diffusers' UNet2DModel can be as a DDPM uses it; the names of their
// tensors are theirs, so checkpoints travel unchanged. The defaults are the paper's network for
// CIFAR-10. Everything that builds, loads or checks a network starts from this one description.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/json.h"

namespace ddpm {

// How a level hands on to the next size.
enum class Resampling {
  kConvolution,    // a 3x3 convolution, of stride 2 on the way down
  kResidualBlock,  // inside a residual block: a mean of 2x2 or each value four times, no weights
};

// The blocks of one size of the image.
struct UNetLevel {
  int64_t channels = 128;                      // of its blocks; a multiple of norm_groups
  bool attention_down = false;                 // behind each residual block on the way down
  bool attention_up = false;                   // and on the way up
  Resampling down = Resampling::kConvolution;  // means nothing at the last level
  Resampling up = Resampling::kConvolution;    // means nothing at the top level
  bool operator==(const UNetLevel&) const = default;
};

struct UNetConfig {
  int64_t image_channels = 3;  // 1 to 4
  int64_t height = 32;         // pixels; a multiple of 2^(levels - 1)
  int64_t width = 32;
  std::vector<UNetLevel> levels = {{.channels = 128},  // the size of the image first
                                   {.channels = 256, .attention_down = true, .attention_up = true},
                                   {.channels = 256},
                                   {.channels = 256}};
  int64_t blocks_per_level = 2;  // residual blocks on the way down; one more on the way up
  int64_t norm_groups = 32;
  double norm_epsilon = 1e-6;
  double dropout = 0.1;  // in [0, 1), training only
  // Twice as many output channels as the images have: the second half is of a variance.
  bool learned_variance = false;

  bool middle_attention = true;
  // Groups of the normalisation in the middle's attention; 0: norm_groups, or with scale_shift no
  // normalisation there at all.
  int64_t middle_attention_groups = 0;
  double middle_scale = 1.0;  // above 0; each block of the middle divides its result by it
  int64_t head_channels = 0;  // of a head of attention; 0: one head of all channels
  bool scale_shift = false;   // the embedding of time scales and shifts; false: is added
  int64_t downsample_padding =
      0;                      // of convolutions of stride 2: 0 below and to the right, 1 around
  bool center_input = false;  // the network is given 2 x - 1

  int64_t time_channels = 0;    // of the time embedding; 0: 4 times those of the top level
  bool cosine_first = false;    // cosines stand before sines in the sinusoidal embedding
  int64_t frequency_shift = 1;  // d: frequency i is 10000^(-i / (half - d)); 0 <= d < half
  int64_t learned_times =
      0;                // T of a table of learned embeddings in place of the sinusoids; 0: none
  int64_t classes = 0;  // labels whose embeddings are added to that of time; 0: none

  int64_t level_count() const { return static_cast<int64_t>(levels.size()); }
  const UNetLevel& level(int64_t number) const { return levels.at(static_cast<size_t>(number)); }
  int64_t base_channels() const { return level(0).channels; }
  int64_t output_channels() const { return (learned_variance ? 2 : 1) * image_channels; }
  int64_t embedding_channels() const {
    return time_channels > 0 ? time_channels : 4 * base_channels();
  }
  int64_t heads_at(int64_t channels) const {
    return head_channels > 0 ? channels / head_channels : 1;
  }
  // Channels of queries, keys and values at a width of `channels`: as many, unless the heads leave
  // a rest, which they then do without.
  int64_t attention_channels(int64_t channels) const {
    return head_channels > 0 ? heads_at(channels) * head_channels : channels;
  }
  int64_t groups_of_middle_attention() const {
    return middle_attention_groups > 0 ? middle_attention_groups : scale_shift ? 0 : norm_groups;
  }
  bool operator==(const UNetConfig&) const = default;
};

// The levels of the paper's networks: base_channels times each multiplier, attention both ways at
// the levels of these heights, in pixels, of images of `height`. Throws InvalidArgument that names
// channel_multipliers or attention_resolutions: the first multiplier is 1, and each resolution is
// the height of a level and named once.
std::vector<UNetLevel> paper_levels(int64_t base_channels, std::span<const int64_t> multipliers,
                                    std::span<const int64_t> attention_resolutions, int64_t height);

// Throws InvalidArgument that names the field, what is wanted and what was found; for a size that
// the levels do not divide it names the nearest legal sizes and the option --fit.
void check_unet_config(const UNetConfig& config);

// diffusers' config.json of a UNet2DModel, every field of today's version written out.
Json unet_config_to_json(const UNetConfig& config);

// The same file with every field that it leaves out as diffusers' constructor has it, with our
// _class_name and _diffusers_version, and without other keys that begin with "_": what diffusers
// itself would save of that network. Also without what its trainer adds for an average of weights.
//   defaulted  the keys that were left out, if asked for
// Throws FormatError that starts with `who` for a key that UNet2DModel does not have.
Json completed_unet_json(const Json& json, const std::string& who,
                         std::vector<std::string>* defaulted = nullptr);

// The other way. Throws FormatError that starts with `who` and names the key for an unknown key or
// for a value that no network here has. A key that is missing stands for diffusers' default:
// attention_head_dim left out is 8, where null is one head.
UNetConfig unet_config_from_json(const Json& json, const std::string& who,
                                 std::vector<std::string>* defaulted = nullptr);

}  // namespace ddpm
