// The version of this library; CMakeLists.txt has the same one, and a test compares them.

#pragma once

namespace ddpm {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace ddpm
