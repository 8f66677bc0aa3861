// GIF files, through giflib. Reading only.

#pragma once

#include <span>
#include <string>

#include "ddpm/formats/image.h"

namespace ddpm {

bool is_gif(std::span<const std::byte> bytes);

// Decodes the first frame to 1 channel if all of its palette is gray, otherwise 3, and an alpha
// channel if a pixel is transparent or the frame does not cover the canvas; 8 bits. Frames after
// the first are not read. Throws FormatError that starts with `who` if the first is damaged or
// truncated, a palette index has no colour, or the image is not decodable (image.h).
Image decode_gif(std::span<const std::byte> bytes, const std::string& who);

}  // namespace ddpm
