// What a profile of the engine reports of an operator.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/unet/graph.h"

namespace ddpm {

std::string kind_of(const Operator& op);  // "3x3", "attention", ..

// Bytes per image of the activations that it reads and writes, in full blocks of 16 channels.
int64_t activation_bytes_of(const Graph& graph, const Operator& op);

}  // namespace ddpm
