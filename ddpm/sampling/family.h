// Families of images: one x_T and one way down to a time, and from there on each its own; figure 7
// of [DDPM].

#pragma once

#include <cstdint>
#include <span>

#include "ddpm/base/batch.h"
#include "ddpm/sampling/sampler.h"

namespace ddpm {

// x_T of every image: that of image `shared` of the seed.
void fill_family_noise(uint64_t seed, int64_t shared, BatchView x);

// The noise of a family that parts at `parting_time`: of steps that leave later times that of image
// `shared`, of steps that leave this time or an earlier one the image's own. So the images are one
// until the sampler has reached its first time that is at most parting_time, and member `shared` is
// image `shared` of run_sampler. Not for samplers with churn, whose lifts may reach above it.
NoiseSource family_noise(uint64_t seed, int64_t shared, int64_t parting_time);

// The first of the times that is at most `parting_time`: where the images part.
// Throws InvalidArgument unless parting_time is at least 1 and one of the times, the final 0 apart,
// is at most it.
int64_t parting_of(std::span<const int64_t> times, int64_t parting_time);

}  // namespace ddpm
