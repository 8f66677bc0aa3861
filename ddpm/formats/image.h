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

// The maximum number of pixels of an image that a reader decodes.
inline constexpr int64_t kMaxPixels = 100'000'000;

// The maximum number of samples (height * width * channels) that a file may describe whose pixels
// take `pixel_bytes` bytes in it: kFreeSamples, which an image of one colour on a 4K screen needs,
// and kSamplesPerByte more for each of these bytes. Other bytes of the file, such as notes, unknown
// chunks and what follows its end, do not count: they cost nothing to add. A photograph has 1 to 60
// samples per byte; deflate reaches 1032 per byte at 8 bits, and 8256 at 1 bit, in what is known as
// a decompression bomb.
inline constexpr int64_t kFreeSamples = int64_t{1} << 25;
inline constexpr int64_t kSamplesPerByte = 128;

// Throws FormatError that starts with `who` unless an image of this shape, as its header declares
// it, is within both limits. Every reader calls it before it allocates anything for the pixels.
void check_decodable(int64_t height, int64_t width, int64_t channels, size_t pixel_bytes,
                     const std::string& who);

// `frame`, which has an alpha channel, at this place of a canvas that is transparent black around
// it. What lies beyond the canvas is cut off.
Image on_canvas(const Image& frame, int64_t height, int64_t width, int64_t top, int64_t left);

}  // namespace ddpm
