// Any bytes as an archive, and as gzip: read within the limits, or refused with a FormatError.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "ddpm/base/check.h"
#include "ddpm/formats/archive.h"

namespace {

constexpr int64_t kMaxBytes = 100'000;

ddpm::ArchiveLimits small_limits() {
  ddpm::ArchiveLimits limits;
  limits.max_file_bytes = kMaxBytes;
  limits.max_entries = 100;
  limits.free_bytes = 1'000'000;
  limits.max_ratio = 10;
  return limits;
}

void read_archive(const uint8_t* data, size_t size) {
  const int file = memfd_create("archive", MFD_CLOEXEC);
  DDPM_ASSERT(file >= 0 && write(file, data, size) == static_cast<ssize_t>(size));
  ddpm::ArchiveHandlers handlers;
  handlers.wants = [](const ddpm::ArchiveEntry& entry) { return !entry.name.ends_with("no"); };
  handlers.take = [](const ddpm::ArchiveEntry& entry, const std::string& bytes) {
    DDPM_ASSERT(std::ssize(bytes) <= kMaxBytes);
    DDPM_ASSERT(std::ssize(entry.name) <= ddpm::ArchiveLimits().max_name_bytes);
  };
  handlers.pass = [](const ddpm::ArchiveEntry& entry) {
    DDPM_ASSERT(entry.kind != ddpm::ArchiveEntry::Kind::kFile);
  };
  handlers.fail = [](const ddpm::ArchiveEntry&, const std::string& reason) {
    DDPM_ASSERT(!reason.empty());
  };
  try {
    ddpm::read_archive(ddpm::concat("/proc/self/fd/", file), handlers, small_limits());
  } catch (const ddpm::FormatError&) {
  }
  close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read_archive(data, size);
  try {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    const std::string result = ddpm::gunzip_if_needed(bytes, kMaxBytes, "fuzz");
    DDPM_ASSERT(std::ssize(result) <= kMaxBytes || result == bytes);
  } catch (const ddpm::FormatError&) {
  }
  return 0;
}
