// From a decoded picture to the numbers that a network sees, and back.
//
// A sample of a file and a number in [-1, 1] are turned into each other here and nowhere else:
// darkest is -1, brightest is 1, and both ways together give back every sample exactly.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ddpm/base/fit.h"
#include "ddpm/formats/image.h"

namespace ddpm {

inline float byte_to_unit(uint8_t value) { return static_cast<float>(value / 127.5 - 1.0); }
inline float word_to_unit(uint16_t value) { return static_cast<float>(value / 32767.5 - 1.0); }

// The nearest sample; below -1 and above 1 the darkest and the brightest. Throws InvalidArgument
// for a number that is not finite.
uint8_t unit_to_byte(float unit);
uint16_t unit_to_word(float unit);

enum class Rounding {
  kNearest,
  kTruncated,  // (x + 1) 127.5 in float32 and then the level below, as published programs do
};

// The picture of one image of a batch, 8 bits. `chw` has channels * height * width numbers, planes
// one after the other; channels in [1, 4]. Throws InvalidArgument if the sizes differ or a number
// is not finite.
Image to_image(std::span<const float> chw, int64_t channels, int64_t height, int64_t width,
               Rounding rounding = Rounding::kNearest);

std::string name_of(Fit fit);         // "none", "crop", "pad", "stretch"
Fit fit_from(std::string_view name);  // throws InvalidArgument for another name

// The image at height x width pixels: itself, sample for sample, if it has that size. Scaling is by
// a triangle filter as wide as two pixels of the smaller of both grids (so it averages when it
// shrinks, and interpolates linearly when it grows), in float64, colours weighted by their alpha,
// rounded to the nearest sample. Throws InvalidArgument for another size with kNone.
Image fit_image(Image image, int64_t height, int64_t width, Fit fit);

// The image with `channels` 1 (gray), 3 (RGB) or 4 (RGBA), by these rules:
//   gray to colour    the gray in all three
//   no alpha to RGBA  opaque
//   alpha to none     composited over white, as a page shows it: (c a + max (max - a)) / max
//   colour to gray    luma of ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B
// each rounded to the nearest sample. Throws InvalidArgument for other channels.
Image convert_channels(Image image, int64_t channels);

// "gray", "gray and alpha", "RGB" or "RGBA", for 1 to 4 channels.
std::string channels_name(int64_t channels);

// Whether red, green and blue are equal in every pixel that is not wholly transparent.
bool is_gray(const Image& image);

// The sum over all pixels of 1 - alpha, alpha in [0, 1]; 0 for an image without alpha. The same
// number on every machine: it is a sum of integers until the end.
double missing_opacity(const Image& image);

}  // namespace ddpm
