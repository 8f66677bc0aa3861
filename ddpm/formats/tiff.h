// TIFF files, through libtiff. Reading only.

#pragma once

#include <span>
#include <string>

#include "ddpm/formats/image.h"

namespace ddpm {

bool is_tiff(std::span<const std::byte> bytes);  // BigTIFF too

// Decodes the first page: gray and RGB of 8 or 16 bits as they are, with their alpha channel
// (colours that were multiplied by it are divided again), gray and palettes of 1, 2 and 4 bits as
// 8, and what else libtiff converts (YCbCr, CMYK, Lab) as RGB of 8 bits. The orientation is
// applied. Throws FormatError that starts with `who` if the page is damaged or truncated, its
// samples are floats, its compression is none of those in docs/formats.md, or it is not decodable
// (image.h). Prints nothing; sets libtiff's error and warning handlers, which are global.
Image decode_tiff(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
