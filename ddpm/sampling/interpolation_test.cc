#include "ddpm/sampling/interpolation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

std::vector<float> normal(uint64_t index, size_t n) {
  std::vector<float> values(n);
  fill_normal({.seed = 3, .purpose = Purpose::kTest, .index = index}, values);
  return values;
}

double square_of(std::span<const float> values) {
  double sum = 0.0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return sum;
}

// x_0 and x_0' of some pixels, with noise.
struct Pair {
  std::vector<float> x0_a = {-1.0F, 0.25F, 0.7F};
  std::vector<float> x0_b = {1.0F, -0.5F, 0.1F};
  std::vector<float> eps_a = {0.3F, -1.2F, 2.2F};
  std::vector<float> eps_b = {-0.7F, 0.9F, 0.4F};

  std::vector<float> at(NoiseLevel level, NoiseMix mix, double lambda) const {
    std::vector<float> x_t(3);
    interpolate(level, mix, lambda, {x0_a, eps_a}, {x0_b, eps_b}, x_t);
    return x_t;
  }
};

constexpr NoiseMix kBoth[] = {NoiseMix::kLinear, NoiseMix::kSpherical};

}  // namespace

TEST(Interpolate, AtTimeZeroItIsTheMixOfThePixels) {
  const Pair pair;
  const NoiseLevel clean = linear_schedule(10).level(0);
  for (const NoiseMix mix : kBoth) {
    const std::vector<float> x = pair.at(clean, mix, 0.25);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(x[i], static_cast<float>(0.75 * pair.x0_a[i] + 0.25 * pair.x0_b[i]));
    }
  }
}

TEST(Interpolate, AtItsEndsItIsTheNoisedImageBitForBit) {
  const Pair pair;
  const NoiseLevel level = linear_schedule(1000).level(250);
  std::vector<float> wanted(3);
  for (const NoiseMix noise_mix : kBoth) {
    mix(level, pair.x0_a, pair.eps_a, wanted);
    EXPECT_EQ(pair.at(level, noise_mix, 0.0), wanted);
    mix(level, pair.x0_b, pair.eps_b, wanted);
    EXPECT_EQ(pair.at(level, noise_mix, 1.0), wanted);
  }
}

TEST(Interpolate, LinearIsTheMixOfTheTwoNoisedImages) {
  const Pair pair;
  const NoiseLevel level = linear_schedule(1000).level(400);
  const std::vector<float> a = pair.at(level, NoiseMix::kLinear, 0.0);
  const std::vector<float> b = pair.at(level, NoiseMix::kLinear, 1.0);
  const std::vector<float> x = pair.at(level, NoiseMix::kLinear, 0.3);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(x[i], 0.7 * a[i] + 0.3 * b[i], 1e-6);  // float32
}

// Two noises of one length: the weights keep it exactly, whatever the angle.
TEST(MixWeights, SphericalKeepsTheLength) {
  const std::vector<float> a = {3.0F, 4.0F};
  for (const std::vector<float>& b :
       std::vector<std::vector<float>>{{4.0F, 3.0F}, {-4.0F, 3.0F}, {-4.8F, -1.4F}}) {
    for (const double lambda : {0.0, 0.2, 0.5, 0.9, 1.0}) {
      const MixWeights w = mix_weights(NoiseMix::kSpherical, lambda, a, b);
      const double x = w.a * a[0] + w.b * b[0];
      const double y = w.a * a[1] + w.b * b[1];
      EXPECT_NEAR(x * x + y * y, 25.0, 1e-5) << lambda;  // float32 members of b
    }
  }
}

// At right angles the weights are a cosine and a sine; a third of the way 30 degrees.
TEST(MixWeights, SphericalByHand) {
  const std::vector<float> a = {2.0F, 0.0F};
  const std::vector<float> b = {0.0F, 2.0F};
  const MixWeights w = mix_weights(NoiseMix::kSpherical, 1.0 / 3.0, a, b);
  EXPECT_NEAR(w.a, std::sqrt(3.0) / 2.0, 1e-15);
  EXPECT_NEAR(w.b, 0.5, 1e-15);
}

// The mean square of n independent standard normal values has the deviation sqrt(2 / n); 4.9 of
// these, which right code exceeds in one seed of 10^6. The linear mix is normal with its variance.
TEST(MixWeights, OfIndependentNoisesSphericalKeepsTheVarianceAndLinearLosesItsShare) {
  constexpr size_t kN = 200'000;
  const double bound = 4.9 * std::sqrt(2.0 / kN);
  const std::vector<float> a = normal(0, kN);
  const std::vector<float> b = normal(1, kN);
  const std::vector<float> none(kN, 0.0F);
  const NoiseLevel noise_alone{.signal = 0.0, .sigma = 1.0};
  std::vector<float> x(kN);
  for (const double lambda : {0.25, 0.5, 0.75}) {
    interpolate(noise_alone, NoiseMix::kSpherical, lambda, {none, a}, {none, b}, x);
    EXPECT_NEAR(square_of(x) / kN, 1.0, bound) << lambda;
    interpolate(noise_alone, NoiseMix::kLinear, lambda, {none, a}, {none, b}, x);
    const double kept = (1.0 - lambda) * (1.0 - lambda) + lambda * lambda;
    EXPECT_NEAR(square_of(x) / kN, kept, bound * kept) << lambda;
  }
}

TEST(MixWeights, OfOneNoiseBothAreThatNoise) {
  const std::vector<float> a = normal(0, 50);
  for (const NoiseMix mix : kBoth) {
    const MixWeights w = mix_weights(mix, 0.4, a, a);
    EXPECT_NEAR(w.a + w.b, 1.0, 1e-12);
  }
  std::vector<float> opposite = a;
  for (float& value : opposite) value = -value;
  const MixWeights w = mix_weights(NoiseMix::kSpherical, 0.4, a, opposite);
  EXPECT_DOUBLE_EQ(w.a, 0.6);
  EXPECT_DOUBLE_EQ(w.b, 0.4);
}

TEST(NoiseIn, TakesAnEncodedImageApart) {
  const Pair pair;
  const NoiseLevel level = linear_schedule(1000).level(300);
  std::vector<float> x_t(3);
  std::vector<float> eps(3);
  mix(level, pair.x0_a, pair.eps_a, x_t);
  noise_in(level, x_t, pair.x0_a, eps);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(eps[i], pair.eps_a[i], 1e-6);
  noise_in({.signal = 1.0, .sigma = 0.0}, x_t, x_t, eps);
  EXPECT_EQ(eps, std::vector<float>(3, 0.0F));
}

TEST(MixWeights, RejectsWhatCannotBeMixed) {
  const std::vector<float> a(3);
  const std::vector<float> short_one(2);
  EXPECT_THROW(mix_weights(NoiseMix::kLinear, -0.1, a, a), InvalidArgument);
  EXPECT_THROW(mix_weights(NoiseMix::kLinear, 1.1, a, a), InvalidArgument);
  EXPECT_THROW(mix_weights(NoiseMix::kSpherical, 0.5, a, short_one), InvalidArgument);
}

TEST(NoiseMix, NamesGoThereAndBack) {
  for (const NoiseMix mix : kBoth) EXPECT_EQ(noise_mix_from(to_string(mix)), mix);
  EXPECT_THROW(noise_mix_from("sphere"), InvalidArgument);
}

}  // namespace ddpm
