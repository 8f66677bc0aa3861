// The work of a prediction, counted on the graph.

#pragma once

#include <cstdint>

#include "ddpm/unet/graph.h"

namespace ddpm {

// Multiply-adds per image of an operator by its definition: one for each product in a convolution
// (at every pixel of its output, padding included), in a linear layer (at every position) and in
// the two matrix products of attention, pixels x pixels x channels each. Biases, norms,
// activations, softmax and sums are not counted. Throws InvalidArgument from 2^63 on.
int64_t multiply_adds_of(const Graph& graph, const Operator& op);

// The same of the time embedding and all its projections, once.
int64_t multiply_adds_of_time(const Graph& graph);

// The same of all: one forward pass for one image. Throws InvalidArgument from 2^63 on, and as
// check_unet_config does.
int64_t count_multiply_adds(const UNetConfig& config);

}  // namespace ddpm
