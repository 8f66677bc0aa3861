// The cores of this machine.

#pragma once

#include <cstdint>

namespace ddpm {

// Cores that this process may use; at least 1.
int64_t usable_cores();

}  // namespace ddpm
