#include "ddpm/base/temporary.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <system_error>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/new_file.h"
#include "ddpm/base/sha256.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kStart = ".tmp-";
constexpr size_t kDigits = 8;

std::string check_digits(std::string_view random) {
  return sha256_hex(as_bytes(concat("temporary of ddpm ", random))).substr(0, kDigits);
}

}  // namespace

std::string temporary_name() {
  uint32_t number = 0;
  if (::getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
    struct timespec now {};  // early in the boot; whoever makes the file sees whether it is taken
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    number = static_cast<uint32_t>(now.tv_nsec) ^ static_cast<uint32_t>(::getpid());
  }
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof(digits), "%08x", number);
  return concat(kStart, digits, check_digits(digits));
}

bool is_temporary_name(const std::string& name) {
  if (name.size() != kStart.size() + 2 * kDigits || !name.starts_with(kStart)) return false;
  const std::string digits = name.substr(kStart.size(), kDigits);
  return name.substr(kStart.size() + kDigits) == check_digits(digits);
}

bool mark_as_in_use(const Descriptor& opened) {
  return ::flock(opened.get(), LOCK_EX | LOCK_NB) == 0;
}

void remove_abandoned(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_temporary_name(entry->path().filename().string())) found.push_back(entry->path());
  }
  for (const fs::path& path : found) {
    const Descriptor opened(
        ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (opened.get() >= 0 && mark_as_in_use(opened)) fs::remove_all(path, error);
  }
}

}  // namespace ddpm
