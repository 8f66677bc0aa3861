#include "ddpm/cli/hand_over.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

constexpr const char* kHandedOver = "DDPM_HANDED_OVER";  // by the process of this number

}  // namespace

void hand_over_to_torch(const char* command, char** argv) {
  const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "ddpm-torch";
  if (!std::filesystem::exists(beside)) {
    throw IoError(concat(command,
                         ": needs the program ddpm-torch, and this installation has none (",
                         beside.string(), ")"));
  }
  // the process keeps its number, so whoever finds it here has been handed over already
  const std::string self = std::to_string(::getpid());
  const char* before = std::getenv(kHandedOver);
  const bool loop = before != nullptr && before == self;
  if (loop || std::filesystem::equivalent(beside, "/proc/self/exe")) {
    throw IoError(concat(command, ": expected the program ddpm-torch at ", beside.string(),
                         ", got a program without LibTorch, such as a copy of ddpm; install "
                         "ddpm-torch there"));
  }
  ::setenv(kHandedOver, self.c_str(), 1);
  std::cout.flush();
  ::execv(beside.c_str(), argv);
  throw IoError(concat(command, ": cannot start ", beside.string(), ": ", std::strerror(errno)));
}

}  // namespace ddpm
