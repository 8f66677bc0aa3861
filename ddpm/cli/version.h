// What this program is.

#pragma once

#include <string>

namespace ddpm {

// "ddpm 0.1.0 (release build, g++ 12.2.0, with LibTorch)".
std::string version_text(bool with_torch);

}  // namespace ddpm
