// The layers of a graph: each place that has parameters or multiplies.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/unet/graph.h"

namespace ddpm {

struct LayerShape {
  enum class Kind { kConvolution, kLinear, kNorm, kTable, kAttentionProducts };

  std::string name;
  Kind kind;
  int64_t in;  // channels; of a table its rows
  int64_t out;
  int64_t side;       // of a convolution's kernel, in pixels
  int64_t positions;  // at which it is evaluated per image: pixels, or 1 for the time embedding
  // The last layer of a residual block, of an attention block or of the network.
  bool is_last = false;
};

// Of one operator, without the time embedding.
std::vector<LayerShape> layers_of(const Graph& graph, const Operator& op);

// Of the time embedding and of all its projections.
std::vector<LayerShape> time_layers_of(const Graph& graph);

// All of them in the order of unet_parameters.
std::vector<LayerShape> layers_in_order_of_modules(const Graph& graph);

}  // namespace ddpm
