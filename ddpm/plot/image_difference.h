// How far apart two images are, in the gray levels of 8 bits.

#pragma once

#include <span>

#include "ddpm/formats/image.h"

namespace ddpm {

// The root of the mean of the squared differences over all samples of all pairs a[i], b[i], in gray
// levels of [0, 255]. Throws InvalidArgument if there is no pair, or one of different sizes or of
// other than 8 bits.
double rms_difference(std::span<const Image> a, std::span<const Image> b);

// Of an rms difference the peak signal-to-noise ratio, 20 log10(255 / rms), in decibels; infinite
// at 0.
double psnr_of(double rms);

}  // namespace ddpm
