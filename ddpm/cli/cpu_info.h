// What `ddpm info --cpu` says.

#pragma once

#include <string>

namespace ddpm {

// Lines: the processor, the cores that this process may use, the paths of the kernels that it has
// and the one that is taken. Throws InvalidArgument for a DDPM_CPU that names none of them.
std::string cpu_text();

}  // namespace ddpm
