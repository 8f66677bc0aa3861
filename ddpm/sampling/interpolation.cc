#include "ddpm/sampling/interpolation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"
#include "ddpm/diffusion/process.h"

namespace ddpm {

namespace {

constexpr std::array<Named<NoiseMix>, 2> kMixes = {{
    {NoiseMix::kLinear, "linear"},
    {NoiseMix::kSpherical, "spherical"},
}};

// Below this sine the weights of the great circle lose their digits.
constexpr double kLeastSine = 1e-6;

double angle_between(std::span<const float> a, std::span<const float> b) {
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  const double lengths = std::sqrt(aa * bb);
  return lengths > 0.0 ? std::acos(std::clamp(ab / lengths, -1.0, 1.0)) : 0.0;
}

std::vector<float> weighted(MixWeights weights, std::span<const float> a,
                            std::span<const float> b) {
  std::vector<float> sum(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    sum[i] = static_cast<float>(weights.a * a[i] + weights.b * b[i]);
  }
  return sum;
}

}  // namespace

std::string to_string(NoiseMix mix) { return name_of(kMixes, mix); }

NoiseMix noise_mix_from(std::string_view name) { return value_named(kMixes, "mix", name); }

MixWeights mix_weights(NoiseMix mix, double lambda, std::span<const float> a,
                       std::span<const float> b) {
  DDPM_CHECK(lambda >= 0.0 && lambda <= 1.0, "interpolation: lambda must be in [0, 1], got ",
             lambda);
  DDPM_CHECK(a.size() == b.size(), "interpolation: wanted noises of one size, got ", a.size(),
             " and ", b.size());
  const MixWeights linear{1.0 - lambda, lambda};
  if (mix == NoiseMix::kLinear || lambda == 0.0 || lambda == 1.0) return linear;
  const double angle = angle_between(a, b);
  const double sine = std::sin(angle);
  if (sine < kLeastSine) return linear;
  return {std::sin((1.0 - lambda) * angle) / sine, std::sin(lambda * angle) / sine};
}

void interpolate(NoiseLevel level, NoiseMix mix, double lambda, LatentView a, LatentView b,
                 std::span<float> x_t) {
  DDPM_CHECK(a.x0.size() == b.x0.size(), "interpolation: wanted images of one size, got ",
             a.x0.size(), " and ", b.x0.size());
  const MixWeights weights = mix_weights(mix, lambda, a.eps, b.eps);
  const std::vector<float> eps = weighted(weights, a.eps, b.eps);
  const std::vector<float> x0 = weighted({1.0 - lambda, lambda}, a.x0, b.x0);
  ddpm::mix(level, x0, eps, x_t);
}

void noise_in(NoiseLevel level, std::span<const float> x_t, std::span<const float> x0,
              std::span<float> eps) {
  for (size_t i = 0; i < eps.size(); ++i) {
    eps[i] = level.sigma > 0.0 ? static_cast<float>((x_t[i] - level.signal * x0[i]) / level.sigma)
                               : 0.0F;
  }
}

}  // namespace ddpm
