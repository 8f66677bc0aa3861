// JPEG files, through libjpeg-turbo. Reading only.

#pragma once

#include <span>
#include <string>

#include "ddpm/formats/image.h"

namespace ddpm {

bool is_jpeg(std::span<const std::byte> bytes);

// Decodes to 1 channel (gray) or 3 (RGB; YCbCr, CMYK and YCCK are converted), 8 bits, with the EXIF
// orientation applied. Throws FormatError that starts with `who` for a damaged file, a truncated
// one too (libjpeg would fill it with gray and only warn), or one of more than kMaxPixels.
Image decode_jpeg(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
