// One decoded picture, as it came out of a file.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ddpm {

// Rows from the top, pixels from the left, channels beside each other (HWC): gray; gray, alpha;
// red, green, blue; or red, green, blue, alpha.
struct Image {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;           // 1 to 4
  int bits = 8;                   // of a sample, 8 or 16
  std::vector<uint16_t> samples;  // [height * width * channels], each in [0, 2^bits - 1]

  uint16_t& at(int64_t y, int64_t x, int64_t c) {
    return samples[static_cast<size_t>((y * width + x) * channels + c)];
  }
  uint16_t at(int64_t y, int64_t x, int64_t c) const {
    return samples[static_cast<size_t>((y * width + x) * channels + c)];
  }
};

// What a reader refuses to decode: an image of more pixels than this is a FormatError before
// anything is allocated for it.
inline constexpr int64_t kMostPixels = 100'000'000;

}  // namespace ddpm
