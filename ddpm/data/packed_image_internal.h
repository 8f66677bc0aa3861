// Images as they are kept in memory: one byte a sample where one is enough.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ddpm/formats/image.h"

namespace ddpm {

struct PackedImage {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  int bits = 8;
  std::vector<uint8_t> bytes;  // HWC; 16-bit samples as two bytes, the lower first

  bool is_kept() const { return !bytes.empty(); }
};

PackedImage pack(const Image& image);
Image unpack(const PackedImage& packed);

// The samples as numbers in [-1, 1], planar (CHW), mirrored left to right if `flip`. `out` has
// channels * height * width numbers.
void write_units(const PackedImage& packed, bool flip, std::span<float> out);

}  // namespace ddpm
