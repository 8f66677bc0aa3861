#include "ddpm/terminal/output.h"

namespace ddpm {

std::string absolute_text(const std::filesystem::path& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace ddpm
