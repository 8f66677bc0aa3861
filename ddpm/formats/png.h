// PNG files (ISO/IEC 15948), through libpng.

#pragma once

#include <map>
#include <span>
#include <string>

#include "ddpm/formats/image.h"

namespace ddpm {

// Key and value of tEXt or iTXt chunks, Latin-1 or UTF-8.
using PngText = std::map<std::string, std::string>;

bool is_png(std::span<const std::byte> bytes);

// Decodes any PNG: palettes become RGB (with alpha where a palette entry has one), gray of fewer
// than 8 bits becomes 8 bits, 16 bits stay 16. An eXIf chunk's orientation is applied. Throws
// FormatError that starts with `who` if pixels are lost, a palette index has no colour, or the
// image is not decodable (image.h). Chunks that hold no pixels are skipped and may be damaged.
Image decode_png(std::span<const std::byte> bytes, const std::string& who);

// The text chunks, those after the image data too. Throws FormatError as decode_png does.
PngText read_png_text(std::span<const std::byte> bytes, const std::string& who);

// Those in front of the image data, which may be cut off or damaged. Throws FormatError if what is
// in front of them is.
PngText read_png_head_text(std::span<const std::byte> bytes, const std::string& who);

// The file: 1 to 4 channels, 8 or 16 bits, with `text` as chunks. The same image and text give the
// same bytes. Throws InvalidArgument if the image's extents and samples do not fit together.
std::string encode_png(const Image& image, const PngText& text = {});

}  // namespace ddpm
