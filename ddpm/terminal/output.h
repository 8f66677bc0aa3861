// How a command shows paths.

#pragma once

#include <filesystem>
#include <string>

namespace ddpm {

// "/home/me/runs/clothes": absolute, without "." and "..".
std::string absolute_text(const std::filesystem::path& path);

}  // namespace ddpm
