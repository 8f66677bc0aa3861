// JPEG files, through libjpeg-turbo. Reading only.

#pragma once

#include <span>
#include <string>

#include "ddpm/formats/image.h"

namespace ddpm {

bool is_jpeg(std::span<const std::byte> bytes);

// Decodes to 1 channel (gray) or 3 (RGB; YCbCr, CMYK and YCCK are converted), 8 bits, with the EXIF
// orientation applied. Throws FormatError that starts with `who` if pixels are lost (libjpeg would
// fill them with gray and only warn), if the file has more scans than its pixels need, or if the
// image is not decodable (image.h). docs/formats.md lists which of libjpeg's warnings are damage.
Image decode_jpeg(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
