#include "ddpm/base/available_memory.h"

#include <sys/resource.h>
#include <unistd.h>

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

// What `ulimit -v` leaves of this process's addresses.
std::optional<int64_t> room_of_addresses() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  std::ifstream in("/proc/self/statm");
  int64_t pages = 0;
  if (!(in >> pages)) return std::nullopt;
  const auto most = static_cast<int64_t>(limit.rlim_cur);
  return std::max<int64_t>(most - pages * ::sysconf(_SC_PAGESIZE), 0);
}

}  // namespace

int64_t available_memory_bytes(const std::filesystem::path& root) {
  std::optional<int64_t> least;
  for (const auto& room : {free_bytes_of_machine(root), memory_room(root), room_of_addresses()}) {
    if (room) least = std::min(least.value_or(*room), *room);
  }
  return least.value_or(0);
}

}  // namespace ddpm
