// The U-Net's description: what its config.json says, and every tensor that such a network has.
//
// The network is that of diffusers' UNet2DModel as the google/ddpm-* models configure it; the names
// of its tensors are theirs, so checkpoints travel unchanged. Everything that builds, loads or
// checks a network starts from this one description.

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/json.h"

namespace ddpm {

struct UNetConfig {
  int64_t image_channels = 3;  // 1 to 4
  int64_t height = 32;         // pixels; a multiple of 2^(levels - 1)
  int64_t width = 32;
  int64_t base_channels = 128;  // of the top level; a multiple of norm_groups
  // One a level, top level first; the first is 1.
  std::vector<int64_t> channel_multipliers = {1, 2, 2, 2};
  int64_t blocks_per_level = 2;  // residual blocks on the way down; one more on the way up
  // The heights, in pixels, of the levels that have attention; the middle always has it.
  std::vector<int64_t> attention_resolutions = {16};
  int64_t norm_groups = 32;
  double norm_epsilon = 1e-6;
  double dropout = 0.1;  // in [0, 1), training only
  // Twice as many output channels as the images have: the second half is of a variance.
  bool learned_variance = false;

  int64_t levels() const { return static_cast<int64_t>(channel_multipliers.size()); }
  int64_t channels_at(int64_t level) const;  // base_channels * channel_multipliers[level]
  bool attention_at(int64_t level) const;
  int64_t output_channels() const { return (learned_variance ? 2 : 1) * image_channels; }
  bool operator==(const UNetConfig&) const = default;
};

// Throws InvalidArgument that names the field, what is wanted and what was found; for a size that
// the levels do not divide it names the nearest legal sizes and the option --fit.
void check_unet_config(const UNetConfig& config);

// diffusers' config.json of a UNet2DModel, every field of today's version written out.
Json unet_config_to_json(const UNetConfig& config);

// The other way. Reads what this library's networks can be; throws FormatError that starts with
// `who` and names the key for an unknown key, a missing one, or a value that the network does not
// have. A key that is missing stands for diffusers' default, so it is an error only where that
// default is not ours: attention_head_dim left out is no null. Keys that start with "_" are passed
// over, _class_name apart. The attention resolutions come top level first.
UNetConfig unet_config_from_json(const Json& json, const std::string& who);

struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;
  bool operator==(const NamedShape&) const = default;
};

// Every parameter, in the order of diffusers' modules (attentions before resnets in a block).
std::vector<NamedShape> unet_parameters(const UNetConfig& config);
int64_t count_parameters(const UNetConfig& config);

// Multiply-adds of one forward pass for one image: one for each product in a convolution (at every
// pixel of its output, padding included), in a linear layer (at every position; the time embedding
// once) and in attention's two products of matrices, P * P * C each for P pixels of C channels.
// Biases, norms, activations, softmax and sums are not counted. Throws InvalidArgument from 2^63.
int64_t count_multiply_adds(const UNetConfig& config);

}  // namespace ddpm
