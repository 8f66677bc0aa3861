// For a configuration whose fields are each in range: the last check of check_unet_config counts
// the parameters, and these do not check it again.

#pragma once

#include <vector>

#include "ddpm/unet/graph.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

Graph build_graph_unchecked(const UNetConfig& config);
std::vector<NamedShape> unet_parameters_unchecked(const UNetConfig& config);

}  // namespace ddpm
