// Any bytes as an archive, and as gzip: read within the limit, or refused with a FormatError.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "ddpm/base/check.h"
#include "ddpm/formats/archive.h"

namespace {

constexpr int64_t kMostBytes = 100'000;

void read_archive(const uint8_t* data, size_t size) {
  const int file = memfd_create("archive", MFD_CLOEXEC);
  DDPM_ASSERT(file >= 0 && write(file, data, size) == static_cast<ssize_t>(size));
  int entries = 0;
  try {
    ddpm::for_each_archive_entry(
        ddpm::concat("/proc/self/fd/", file), kMostBytes,
        [&entries](const std::string& name) { return ++entries < 100 && !name.ends_with("no"); },
        [](const ddpm::ArchiveEntry& entry, bool too_large) {
          DDPM_ASSERT(std::ssize(entry.bytes) <= kMostBytes);
          DDPM_ASSERT(!too_large || entry.bytes.empty());
        });
  } catch (const ddpm::FormatError&) {
  }
  close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read_archive(data, size);
  try {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    const std::string result = ddpm::gunzip_if_needed(bytes, kMostBytes, "fuzz");
    DDPM_ASSERT(std::ssize(result) <= kMostBytes || result == bytes);
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
