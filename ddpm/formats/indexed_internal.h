// Pixels that are indices into a list of colours, as GIF and BMP files hold them.

#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ddpm/formats/image.h"

namespace ddpm {

using Colour = std::array<uint8_t, 4>;  // red, green, blue, alpha

// The image of these indices, one per pixel: gray if all colours of the palette are, and with an
// alpha channel if a pixel is not opaque. Throws FormatError that starts with `who` if an index is
// not below the number of colours.
Image image_of_indices(int64_t height, int64_t width, std::span<const uint8_t> indices,
                       std::span<const Colour> palette, const std::string& who);

}  // namespace ddpm
