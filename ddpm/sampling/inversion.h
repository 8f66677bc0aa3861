// Encoding: DDIM's step taken upwards, from an image to the noise that DDIM makes it from.
//
// With eta = 0 [DDIM] eq. 12 is Euler's method for an equation that can be followed in both
// directions, so the same formula with s > t goes from x_0 to x_T. It is of first order: what is
// encoded and decoded again comes back up to an error that halves where the steps are halved.

#pragma once

#include <cstdint>
#include <span>

#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/sampling/stage.h"

namespace ddpm {

// The steps from times[0] up to the last of `times`, which rise strictly within [0, T]; there are
// at least two. [DDIM] eq. 12.
//
// A step that leaves t calls the network at t. No network knows t = 0, so the step from 0 to the
// next time s calls it at s, for the image as it would be there without noise, signal x_0. That is
// the call of the decoder's last step, from s to 0, but for the noise in x_s, and so the step is
// undone by it up to (sigma / signal)^4; a call at time 1, whose eps is nearly 0 for data that are
// smooth, would leave (sigma / signal)^2. Throws InvalidArgument for other times.
Plan inversion_plan(const Schedule& schedule, std::span<const int64_t> times);

// Takes x from times[0] up to the last of `times`, in place. No noise is drawn.
//   x        float32 [N, C, H, W]; x_0 if times[0] is 0
//   options  those that bound x_0 should be the decoder's; the others do not matter
//   indices  [N], the images' own numbers, for the errors
// Throws as run_sampler does.
void run_inversion(const NoisePredictor& predictor, std::span<const int64_t> times,
                   const SamplerOptions& options, std::span<const int64_t> indices, BatchView x,
                   const StepObserver& observer = {});

}  // namespace ddpm
