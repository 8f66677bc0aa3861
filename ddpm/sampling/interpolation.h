// Between two images: both noised to a time t, mixed there, and denoised from t on; figure 8 of
// [DDPM].

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ddpm/diffusion/schedule.h"

namespace ddpm {

// How the noise of two x_t is mixed. The images in them are always mixed linearly.
enum class NoiseMix {
  // (1 - lambda) a + lambda b, as in the paper. Of two independent noises it has the variance
  // (1 - lambda)^2 + lambda^2, in the middle a half: less noise than the network expects at t.
  kLinear,
  // On the great circle from a to b: sin((1 - lambda) w) / sin w and sin(lambda w) / sin w of them,
  // w the angle between. Of two noises of one length it has that length, and of independent ones
  // the variance 1.
  kSpherical,
};

std::string to_string(NoiseMix mix);  // "linear", "spherical"
// Throws InvalidArgument, with the nearest name, for any other word.
NoiseMix noise_mix_from(std::string_view name);

struct MixWeights {
  double a;
  double b;
};

// The weights of two noises at lambda in [0, 1]; at 0 and 1 exactly one of them. Where a and b
// point the same way, or opposite ways, between which there is no one great circle, the linear
// ones. Throws InvalidArgument for another lambda or different sizes.
MixWeights mix_weights(NoiseMix mix, double lambda, std::span<const float> a,
                       std::span<const float> b);

// An x_t taken apart: signal x0 + sigma eps.
struct LatentView {
  std::span<const float> x0;
  std::span<const float> eps;
};

// x_t at `level` between two: signal ((1 - lambda) x_0 + lambda x_0') + sigma times the mixed
// noise. At lambda = 0 and 1 it is bit for bit what mix() of process.h makes of one of them. All
// are of one size, and x_t overlaps none. Throws as mix_weights does.
void interpolate(NoiseLevel level, NoiseMix mix, double lambda, LatentView a, LatentView b,
                 std::span<float> x_t);

// The eps of an x_t whose x_0 is known, (x_t - signal x_0) / sigma, for an x_t that was encoded; 0
// where sigma is.
void noise_in(NoiseLevel level, std::span<const float> x_t, std::span<const float> x0,
              std::span<float> eps);

}  // namespace ddpm
