// For tests of the engine: numbers for networks of every kind.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ddpm/engine/packed_matrix.h"
#include "ddpm/testing/golden_unet.h"
#include "ddpm/testing/some_networks.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

// The golden numbers of a network's parameters.
inline TensorSource golden_source(const UNetConfig& config) {
  auto values = std::make_shared<std::map<std::string, std::vector<float>>>();
  for (const NamedShape& parameter : unet_parameters(config)) {
    (*values)[parameter.name] = golden_parameter(parameter);
  }
  return [values](const std::string& name) { return values->at(name); };
}

}  // namespace ddpm
