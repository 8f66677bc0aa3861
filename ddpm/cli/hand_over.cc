#include "ddpm/cli/hand_over.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "ddpm/base/check.h"

namespace ddpm {

void hand_over_to_torch(const char* command, char** argv) {
  const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "ddpm-torch";
  if (!std::filesystem::exists(beside)) {
    throw IoError(concat(command,
                         ": needs the program ddpm-torch, and this installation has none (",
                         beside.string(), ")"));
  }
  ::execv(beside.c_str(), argv);
  throw IoError(concat(command, ": cannot start ", beside.string(), ": ", std::strerror(errno)));
}

}  // namespace ddpm
