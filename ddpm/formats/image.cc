#include "ddpm/formats/image.h"

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

void check_decodable(int64_t height, int64_t width, int64_t channels, size_t pixel_bytes,
                     const std::string& who) {
  if (height <= 0 || width <= 0) {
    throw FormatError(concat(who, ": expected at least one pixel, got ", height, "x", width));
  }
  if (height > kMaxPixels / width) {
    throw FormatError(concat(who, ": expected at most ", with_thousands(kMaxPixels),
                             " pixels, got ", height, "x", width, "; scale the image down"));
  }
  const int64_t excess = height * width * channels - kFreeSamples;
  const int64_t needed_bytes = excess <= 0 ? 0 : (excess + kSamplesPerByte - 1) / kSamplesPerByte;
  if (static_cast<int64_t>(pixel_bytes) < needed_bytes) {
    throw FormatError(concat(who, ": expected at least ", with_thousands(needed_bytes),
                             " bytes of compressed pixels for ", height, "x", width, " pixels of ",
                             channels, " channels, got ", pixel_bytes,
                             ": truncated, or a decompression bomb; scale the image down"));
  }
}

Image on_canvas(const Image& frame, int64_t height, int64_t width, int64_t top, int64_t left) {
  Image canvas{height, width, frame.channels, frame.bits, {}};
  canvas.samples.resize(static_cast<size_t>(height * width * frame.channels));
  const int64_t bottom = std::min(frame.height, height - top);
  const int64_t right = std::min(frame.width, width - left);
  for (int64_t y = 0; y < bottom && right > 0; ++y) {
    const auto row = frame.samples.begin() + y * frame.width * frame.channels;
    std::copy(row, row + right * frame.channels,
              canvas.samples.begin() + ((top + y) * width + left) * frame.channels);
  }
  return canvas;
}

}  // namespace ddpm
