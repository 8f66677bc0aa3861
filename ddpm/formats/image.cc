#include "ddpm/formats/image.h"

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

void check_decodable(int64_t height, int64_t width, int64_t channels, size_t file_bytes,
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
  if (static_cast<int64_t>(file_bytes) < needed_bytes) {
    throw FormatError(concat(who, ": expected a file of at least ", with_thousands(needed_bytes),
                             " bytes for ", height, "x", width, " pixels of ", channels,
                             " channels, got ", file_bytes,
                             ": truncated, or a decompression bomb; scale the image down"));
  }
}

}  // namespace ddpm
