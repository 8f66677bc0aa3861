#include "ddpm/formats/idx.h"

#include <algorithm>
#include <array>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

constexpr int kUint8 = 0x08;
constexpr std::array<int, 6> kTypes = {kUint8, 0x09, 0x0b, 0x0c, 0x0d, 0x0e};
constexpr int kRank = 3;
constexpr size_t kMagicBytes = 4;
constexpr size_t kExtentBytes = 4;
constexpr size_t kHeaderBytes = kMagicBytes + kRank * kExtentBytes;

int at(std::span<const std::byte> bytes, size_t index) {
  return std::to_integer<int>(bytes[index]);
}

// Big-endian.
uint64_t extent_at(std::span<const std::byte> bytes, size_t index) {
  uint64_t extent = 0;
  for (size_t i = 0; i < kExtentBytes; ++i) {
    extent = extent << 8 | std::to_integer<uint64_t>(bytes[index + i]);
  }
  return extent;
}

}  // namespace

bool is_idx(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagicBytes && at(bytes, 0) == 0 && at(bytes, 1) == 0 &&
         std::find(kTypes.begin(), kTypes.end(), at(bytes, 2)) != kTypes.end() && at(bytes, 3) > 0;
}

IdxImages decode_idx(std::span<const std::byte> bytes, const std::string& who) {
  if (!is_idx(bytes)) throw FormatError(concat(who, ": not an IDX file"));
  if (at(bytes, 2) != kUint8 || at(bytes, 3) != kRank) {
    throw FormatError(concat(who, ": wanted images, IDX of uint8 (type 8) and rank 3, got type ",
                             at(bytes, 2), " and rank ", at(bytes, 3)));
  }
  if (bytes.size() < kHeaderBytes) {
    throw FormatError(concat(who, ": wanted an IDX header of ", kHeaderBytes, " bytes, got ",
                             bytes.size(), " bytes in all"));
  }
  const uint64_t count = extent_at(bytes, kMagicBytes);
  const uint64_t height = extent_at(bytes, kMagicBytes + kExtentBytes);
  const uint64_t width = extent_at(bytes, kMagicBytes + 2 * kExtentBytes);
  const std::span<const std::byte> pixels = bytes.subspan(kHeaderBytes);
  uint64_t wanted = 0;  // the product of two extents is below 2^64, that of three may not be
  if (count == 0 || height == 0 || width == 0 ||
      __builtin_mul_overflow(height * width, count, &wanted) || wanted != pixels.size()) {
    throw FormatError(concat(who, ": wanted as many pixels as ", count, " images of ", height, "x",
                             width, " have, at least one, got ", pixels.size()));
  }
  IdxImages images{
      static_cast<int64_t>(count), static_cast<int64_t>(height), static_cast<int64_t>(width), {}};
  images.pixels.reserve(pixels.size());
  for (std::byte pixel : pixels) images.pixels.push_back(std::to_integer<uint8_t>(pixel));
  return images;
}

}  // namespace ddpm
