// What the files of unet_config.h have between them.

#pragma once

#include <vector>

#include "ddpm/unet/config.h"

namespace ddpm {

// unet_parameters of a configuration whose fields are each in range: the last of its checks counts
// them.
std::vector<NamedShape> unet_parameters_unchecked(const UNetConfig& config);

}  // namespace ddpm
