#include "ddpm/base/available_memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include "ddpm/base/control_groups.h"

namespace ddpm {

namespace {

constexpr int64_t kKilobyte = 1024;

// Lines are "MemAvailable:   123 kB".
std::optional<int64_t> free_bytes_of_machine(const std::filesystem::path& root) {
  std::ifstream in(root / "proc/meminfo");
  std::string word;
  while (in >> word) {
    int64_t kilobytes = 0;
    if (word == "MemAvailable:" && in >> kilobytes) return kilobytes * kKilobyte;
  }
  return std::nullopt;
}

}  // namespace

int64_t available_memory_bytes(const std::filesystem::path& root) {
  const auto machine = free_bytes_of_machine(root);
  const auto groups = memory_room(root);
  if (machine && groups) return std::min(*machine, *groups);
  return machine.value_or(groups.value_or(0));
}

}  // namespace ddpm
