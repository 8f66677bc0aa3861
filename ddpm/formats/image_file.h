// Image files of every kind that is read, told apart by their first bytes.

#pragma once

#include <span>
#include <string>

#include "ddpm/formats/image.h"

namespace ddpm {

// Decodes PNG, JPEG, WebP, BMP, GIF (its first frame) or TIFF (its first page), whichever the bytes
// are; name and ending do not matter. Throws FormatError that starts with `who`: as the format's
// own reader does, and for anything else with what the file is instead (base/foreign_file.h).
Image decode_image_file(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
