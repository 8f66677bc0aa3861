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

// Weight and bias of a convolution, a linear layer or a normalisation.
struct Layer {
  Layer(const ParameterSet& parameters, const std::string& prefix);

  Tensor weight;
  Tensor bias;
};

// Group normalisation with biased variance, always computed in float32 (float64 for float64 input).
struct GroupNorm {
  // norm_groups of the configuration, or so many.
  GroupNorm(const ParameterSet& parameters, const std::string& prefix, const UNetConfig& config);
  GroupNorm(const ParameterSet& parameters, const std::string& prefix, int64_t groups,
            double epsilon);
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

// What a residual block is beyond the configuration of its network.
struct BlockPlace {
  enum class Size { kSame, kHalf, kDouble };

  int64_t number;             // of the block in its network, which names its dropout masks
  bool has_shortcut = false;  // a 1x1 convolution, where C != O
  Size size = Size::kSame;    // of the result, against x
  double scale = 1.0;         // the result is divided by it
};

// (shortcut(r(x)) + conv2(dropout(silu(h)))) / scale, where
//   h = norm2(conv1(r(silu(norm1(x)))) + time), the times' linear layer added, or with scale_shift
//   h = norm2(conv1(r(silu(norm1(x))))) (1 + a) + b, where that layer's values are [a, b],
// and r is nothing, the mean of each 2x2 or each value four times.
//   x     [N, C, H, W]
//   time  [N, E], silu of the time embedding
//   result [N, O, H, W], or of half or twice the size
struct ResidualBlock {
  ResidualBlock(const ParameterSet& parameters, const std::string& prefix, const UNetConfig& config,
                const BlockPlace& place);
  Tensor operator()(const Tensor& x, const Tensor& time,
                    const std::optional<BlockDropout>& drop) const;

  GroupNorm norm1;
  Layer conv1;
  Layer time_projection;
  GroupNorm norm2;
  Layer conv2;
  std::optional<Layer> shortcut;
  BlockPlace place;
  bool scale_shift;
};

// (x + out(softmax(q k^T / sqrt D) v)) / scale over all H W positions of norm(x): side by side in
// `heads` heads of D channels, which may be fewer than C together.
struct AttentionBlock {
  // groups: of the normalisation; 0: there is none.
  AttentionBlock(const ParameterSet& parameters, const std::string& prefix,
                 const UNetConfig& config, int64_t channels, int64_t groups, double scale);
  Tensor operator()(const Tensor& x) const;

  std::optional<GroupNorm> norm;
  Layer q;
  Layer k;
  Layer v;
  Layer out;
  int64_t heads;
  double scale;
};

// A 3x3 convolution of stride 2 after a border of zeros, below and to the right for padding 0 and
// on all sides for padding 1: [N, C, H/2, W/2].
Tensor downsample(const Layer& conv, const Tensor& x, int64_t padding);

// Each value four times, then a 3x3 convolution: [N, C, 2H, 2W].
Tensor upsample(const Layer& conv, const Tensor& x);

// A 3x3 convolution with a border of zeros.
Tensor conv3x3(const Layer& conv, const Tensor& x);

}  // namespace ddpm
