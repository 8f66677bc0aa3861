// The parts of the U-Net, each holding its own tensors of one ParameterSet.
//
// docs/notation.md has the letters: N images, C channels in, O channels out, H rows, W columns, E
// channels of the time embedding. Names after `prefix` are diffusers'.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ddpm/models/dropout.h"
#include "ddpm/models/parameters.h"
#include "ddpm/tensor/tensor.h"

namespace ddpm {

// weight and bias of a convolution, a linear layer or a normalisation.
struct Layer {
  Layer(const ParameterSet& parameters, const std::string& prefix);

  Tensor weight;
  Tensor bias;
};

// Group normalisation with biased variance, always computed in float32 (float64 for float64 input).
struct GroupNorm {
  GroupNorm(const ParameterSet& parameters, const std::string& prefix, const UNetConfig& config);
  Tensor operator()(const Tensor& x) const;

  Layer affine;
  int64_t groups;
  double epsilon;
};

// What a residual block needs to drop activations.
struct BlockDropout {
  double p;
  DropoutKey key;
};

// shortcut(x) + conv2(dropout(silu(norm2(conv1(silu(norm1(x))) + time))))
//   x     [N, C, H, W]
//   time  [N, E], silu of the time embedding
//   result [N, O, H, W]
struct ResidualBlock {
  ResidualBlock(const ParameterSet& parameters, const std::string& prefix, const UNetConfig& config,
                bool has_shortcut, int64_t number);
  Tensor operator()(const Tensor& x, const Tensor& time,
                    const std::optional<BlockDropout>& drop) const;

  GroupNorm norm1;
  Layer conv1;
  Layer time_projection;
  GroupNorm norm2;
  Layer conv2;
  std::optional<Layer> shortcut;  // 1x1, where C != O
  int64_t number;                 // of the block in its network, which names its dropout masks
};

// x + out(softmax(q k^T / sqrt C) v), one head over all H W positions of norm(x).
struct AttentionBlock {
  AttentionBlock(const ParameterSet& parameters, const std::string& prefix,
                 const UNetConfig& config);
  Tensor operator()(const Tensor& x) const;

  GroupNorm norm;
  Layer q;
  Layer k;
  Layer v;
  Layer out;
};

// A 3x3 convolution of stride 2 after a border of zeros below and to the right: [N, C, H/2, W/2].
Tensor downsample(const Layer& conv, const Tensor& x);

// Each value four times, then a 3x3 convolution: [N, C, 2H, 2W].
Tensor upsample(const Layer& conv, const Tensor& x);

// A 3x3 convolution with a border of zeros.
Tensor conv3x3(const Layer& conv, const Tensor& x);

}  // namespace ddpm
