// WebP files, lossy and lossless, through libwebp. Reading only.

#pragma once

#include <span>
#include <string>

#include "ddpm/formats/image.h"

namespace ddpm {

bool is_webp(std::span<const std::byte> bytes);

// Decodes to 3 channels, or 4 if the file has an alpha channel, 8 bits, with the EXIF orientation
// applied. Of an animation, the first frame on its transparent canvas. Throws FormatError that
// starts with `who` if the file is damaged or truncated, or the image is not decodable (image.h).
Image decode_webp(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
