// How the tensors of a file differ from those of a network, told to a person.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ddpm/unet/config.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

using ShapesByName = std::map<std::string, std::vector<int64_t>>;

// "" if names and shapes are those of the network. Else one line without an end: how many tensors
// are missing, left over and of another shape, at most ten of them, and the likely cause where the
// difference as a whole has one.
std::string mismatch_report(const std::vector<NamedShape>& wanted, const ShapesByName& got);

}  // namespace ddpm
