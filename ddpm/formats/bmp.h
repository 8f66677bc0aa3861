// Windows and OS/2 bitmaps (BMP). Reading only; docs/dependencies.md has the reason why by our own
// code.

#pragma once

#include <span>
#include <string>

#include "ddpm/formats/image.h"

namespace ddpm {

bool is_bmp(std::span<const std::byte> bytes);

// Decodes pixels of 1, 2, 4, 8, 16, 24 and 32 bits, with palettes, bit masks and run lengths (RLE4,
// RLE8), from the bottom or from the top, to 8 bits: 1 channel if all of a palette is gray,
// otherwise 3, and 4 if an alpha mask exists and a pixel of it is not 0. The fourth byte of 32 bits
// without masks is unused, as Windows defines it. Throws FormatError that starts with `who` if rows
// are missing, an index has no colour, the compression is another, or the image is not decodable
// (image.h).
Image decode_bmp(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
