// What an operation of the graph is called and how much work its definition is.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/engine/graph.h"
#include "ddpm/unet/config.h"

namespace ddpm {

std::string kind_of(const Operation& operation);  // "3x3", "attention", ..

// Multiply-adds of the definition, for one image; 0 where nothing is multiplied.
double multiply_adds_of(const UNetConfig& config, const Graph& graph, const Operation& operation);

// Bytes of the activations that it reads and writes, for one image.
int64_t activation_bytes_of(const Graph& graph, const Operation& operation);

}  // namespace ddpm
