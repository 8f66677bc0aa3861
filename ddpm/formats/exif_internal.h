// How a camera was held, as EXIF data say it.

#pragma once

#include <span>

#include "ddpm/formats/image.h"

namespace ddpm {

// The orientation 1 to 8 in EXIF data that begin with their TIFF header; 1 if there is none that
// can be believed.
int exif_orientation(std::span<const std::byte> tiff);

// The image turned and mirrored so that it stands upright.
Image apply_orientation(Image image, int orientation);

}  // namespace ddpm
