// --threads on the terminal.

#pragma once

#include <cstdint>
#include <string>

namespace ddpm {

// Prints one line on stderr if --threads asks for more than the cores: how many are used, and why.
void warn_of_too_many_threads(const std::string& command, const std::string& executor,
                              int64_t asked);

}  // namespace ddpm
