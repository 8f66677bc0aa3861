// --threads on the terminal.

#pragma once

#include <cstdint>
#include <string>

namespace ddpm {

// For commands that train: prints one line on stderr if --threads asks for more than the cores.
void warn_of_too_many_threads(const std::string& command, int64_t asked);

}  // namespace ddpm
