#include "ddpm/cli/hand_over.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

using Clock = std::chrono::steady_clock;

// "PROCESS NANOSECONDS": which process was handed over, and when it was started. The process keeps
// its number and its clock.
constexpr const char* kHandedOver = "DDPM_HANDED_OVER";

// When this process was started, if it was handed over.
std::optional<Clock::time_point> start_before_hand_over() {
  const char* text = std::getenv(kHandedOver);
  if (text == nullptr) return std::nullopt;
  const std::vector<std::string> words = split(text, ' ');
  const auto process = words.size() == 2 ? parse_int(words[0]) : std::nullopt;
  const auto start = words.size() == 2 ? parse_int(words[1]) : std::nullopt;
  if (!process || *process != ::getpid() || !start) return std::nullopt;
  return Clock::time_point(std::chrono::nanoseconds(*start));
}

}  // namespace

Clock::time_point program_start() { return start_before_hand_over().value_or(Clock::now()); }

void hand_over_to_torch(const char* command, Clock::time_point began, char** argv) {
  const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "ddpm-torch";
  if (!std::filesystem::exists(beside)) {
    throw IoError(concat(command,
                         ": needs the program ddpm-torch, and this installation has none (",
                         beside.string(), ")"));
  }
  if (start_before_hand_over() || std::filesystem::equivalent(beside, "/proc/self/exe")) {
    throw IoError(concat(command, ": expected the program ddpm-torch at ", beside.string(),
                         ", got a program without LibTorch, such as a copy of ddpm; install "
                         "ddpm-torch there"));
  }
  std::error_code error;  // in a folder that was removed, ddpm-torch does not find its libraries
  const auto working = std::filesystem::current_path(error);
  if (error || working.empty()) {
    throw IoError(concat(command, ": the working folder cannot be used: ", error.message(),
                         "; it may have been removed: start in another one"));
  }
  const auto since = std::chrono::nanoseconds(began.time_since_epoch()).count();
  ::setenv(kHandedOver, concat(::getpid(), ' ', since).c_str(), 1);
  std::cout.flush();
  ::execv(beside.c_str(), argv);
  throw IoError(concat(command, ": cannot start ", beside.string(), ": ", std::strerror(errno)));
}

}  // namespace ddpm
