// The operators of the U-Net's graph on LibTorch's tensors.
//
// docs/notation.md has the letters: N images, C channels in, O channels out, H rows, W columns.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/models/parameters.h"
#include "ddpm/tensor/tensor.h"
#include "ddpm/unet/graph.h"

namespace ddpm {

// Weight and bias of a convolution, a linear layer or a normalisation.
struct Layer {
  Layer(const ParameterSet& parameters, const std::string& prefix);

  Tensor weight;
  Tensor bias;
};

// The layers that an operator reads: none, one, or attention's to_q, to_k, to_v and to_out.0.
std::vector<Layer> layers_of(const Operator& op, const ParameterSet& parameters);

Tensor linear(const Layer& layer, const Tensor& x);

// The mean of each 2x2 pixels, or each pixel repeated 2x2 times.
Tensor resize(const Tensor& x, Resize how);

// Without time, residual and divisor: [N, C, H, W] to [N, O, H, W], or half or twice the size. Of
// kHalf there is a border of zeros below and to the right for padding 0, all around for padding 1.
Tensor convolution(const ConvolutionOperator& op, const Layer& layer, const Tensor& x);

// A 3x3 convolution with a border of zeros.
Tensor conv3x3(const Layer& layer, const Tensor& x);

// With biased variance, always computed in float32 (float64 for float64 input).
Tensor group_norm(const Layer& layer, const Tensor& x, int64_t groups, double epsilon);

// to_out(softmax(q k^T / sqrt D) v) over all H W positions of x: `heads` heads of D channels, which
// may be fewer than C in total.
Tensor attention(const std::vector<Layer>& layers, const Tensor& x, int64_t heads);

}  // namespace ddpm
