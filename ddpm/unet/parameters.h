// The parameters of a network: names and shapes, from its graph.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/unet/config.h"

namespace ddpm {

struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;

  int64_t count() const;  // elements
  bool operator==(const NamedShape&) const = default;
};

// Every parameter, in the order of diffusers' modules (attentions before resnets in a block).
// Throws InvalidArgument as check_unet_config does.
std::vector<NamedShape> unet_parameters(const UNetConfig& config);
int64_t count_parameters(const UNetConfig& config);

}  // namespace ddpm
