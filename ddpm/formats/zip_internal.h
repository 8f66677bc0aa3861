// The directory of a zip file.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/input_file.h"
#include "ddpm/formats/archive_internal.h"

namespace ddpm {

inline constexpr std::string_view kZipLocalMagic("PK\x03\x04", 4);
inline constexpr int64_t kZipLocalBytes = 30;  // of a local header, without its name

// One entry as the directory describes it.
struct ZipEntry {
  ArchiveEntry entry;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc = 0;
  int64_t compressed = 0;  // bytes
  int64_t size = 0;
  int64_t offset = 0;    // of its local header, in the file
  std::string overlaps;  // the entry whose bytes these are too
};

// All entries, in the directory's order. Throws FormatError that starts with budget.who() if there
// is no directory, if it is damaged, or if it exceeds the budget.
std::vector<ZipEntry> read_zip_directory(const InputFile& file, ArchiveBudget& budget);

// Little-endian; the caller has checked that the bytes are there.
inline uint64_t zip_number(std::string_view bytes, size_t offset, size_t count) {
  uint64_t value = 0;
  for (size_t i = count; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[offset + i - 1]);
  }
  return value;
}

inline uint16_t zip_short(std::string_view bytes, size_t offset) {
  return static_cast<uint16_t>(zip_number(bytes, offset, 2));
}

}  // namespace ddpm
