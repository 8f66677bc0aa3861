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
constexpr uint64_t kMaxPixelBytes = uint64_t{1} << 62;
static_assert(IdxShape::kHeaderBytes == kMagicBytes + kRank * kExtentBytes);

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

IdxShape idx_shape(std::span<const std::byte> start, const std::string& who) {
  if (!is_idx(start)) throw FormatError(concat(who, ": not an IDX file"));
  if (at(start, 2) != kUint8 || at(start, 3) != kRank) {
    throw FormatError(concat(who, ": expected images, IDX of uint8 (type 8) and rank 3, got type ",
                             at(start, 2), " and rank ", at(start, 3)));
  }
  if (start.size() < IdxShape::kHeaderBytes) {
    throw FormatError(concat(who, ": expected an IDX header of ", IdxShape::kHeaderBytes,
                             " bytes, got ", start.size(), " bytes in all"));
  }
  const uint64_t count = extent_at(start, kMagicBytes);
  const uint64_t height = extent_at(start, kMagicBytes + kExtentBytes);
  const uint64_t width = extent_at(start, kMagicBytes + 2 * kExtentBytes);
  uint64_t pixels = 0;  // the product of two extents is below 2^64, that of three may not be
  if (count == 0 || height == 0 || width == 0 ||
      __builtin_mul_overflow(height * width, count, &pixels) || pixels > kMaxPixelBytes) {
    throw FormatError(concat(who,
                             ": expected at least one image of at least one pixel, and at "
                             "most 2^62 pixels, got ",
                             count, " of ", height, "x", width));
  }
  return {static_cast<int64_t>(count), static_cast<int64_t>(height), static_cast<int64_t>(width),
          static_cast<int64_t>(pixels + IdxShape::kHeaderBytes)};
}

IdxImages decode_idx(std::span<const std::byte> bytes, const std::string& who) {
  const IdxShape shape = idx_shape(bytes, who);
  if (shape.file_bytes != std::ssize(bytes)) {
    throw FormatError(concat(who, ": expected ", shape.file_bytes, " bytes, as ", shape.count,
                             " images of ", shape.height, "x", shape.width, " have, got ",
                             bytes.size()));
  }
  IdxImages images{shape.count, shape.height, shape.width, {}};
  const auto* pixels = reinterpret_cast<const uint8_t*>(bytes.data());
  images.pixels.assign(pixels + IdxShape::kHeaderBytes, pixels + bytes.size());
  return images;
}

}  // namespace ddpm
