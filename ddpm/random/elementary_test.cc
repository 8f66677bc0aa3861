#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "ddpm/random/elementary_internal.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

// Worst seen over 10^7 arguments: 1.6e-16 for the logarithm, 3.1e-16 for sine and cosine.
constexpr long double kBound = 5e-16L;

std::vector<uint64_t> some_words(uint64_t index, size_t n) {
  std::vector<uint64_t> words(n);
  fill_words({.seed = 1, .purpose = Purpose::kTest, .index = index}, words);
  return words;
}

long double relative_error(double got, long double wanted) {
  return wanted == 0.0L ? std::abs(static_cast<long double>(got))
                        : std::abs((static_cast<long double>(got) - wanted) / wanted);
}

long double log_error(double x) {
  return relative_error(portable_log(x), std::log(static_cast<long double>(x)));
}

// Against long double, whose own pi is exact to 1e-19: the angle is reduced before it is
// multiplied.
long double sincos_error(uint64_t j) {
  constexpr long double kPi = std::numbers::pi_v<long double>;
  const auto quarter = static_cast<int64_t>((j + (uint64_t{1} << 50)) >> 51);
  const long double rest = static_cast<long double>(static_cast<int64_t>(j) - (quarter << 51));
  const long double angle = rest * 0x1p-51L * kPi / 2;
  const long double sines[] = {std::sin(angle), std::cos(angle), -std::sin(angle),
                               -std::cos(angle)};
  const SinCos got = portable_sincos_turns(j);
  return std::max(relative_error(got.sin, sines[quarter % 4]),
                  relative_error(got.cos, sines[(quarter + 1) % 4]));
}

}  // namespace

// A zero comes once in 2^53 words, and its logarithm would be an infinite pixel.
TEST(PositiveUnit, IsAboveZeroAndAtMostOne) {
  EXPECT_EQ(positive_unit(0), 0x1p-53);
  EXPECT_EQ(positive_unit(~uint64_t{0}), 1.0);
  EXPECT_EQ(positive_unit(uint64_t{1} << 63), 0.5 + 0x1p-53);
}

TEST(PortableLog, IsWithinItsBoundOnUniformNumbers) {
  long double worst = 0.0L;
  for (const uint64_t word : some_words(0, 200'000)) {
    worst = std::max(worst, log_error(positive_unit(word)));
  }
  EXPECT_LT(worst, kBound);
}

TEST(PortableLog, IsWithinItsBoundNearOneAndNearThePowersOfTwo) {
  long double worst = 0.0L;
  for (int exponent = -53; exponent <= 0; ++exponent) {
    const double power = std::ldexp(1.0, exponent);
    for (const double centre : {power, power * 0.70710678118654752}) {
      for (int i = -50; i <= 50; ++i) {
        const double x = centre * (1.0 + i * 0x1p-52);
        worst = std::max(worst, log_error(x));
      }
    }
  }
  EXPECT_LT(worst, kBound);
  EXPECT_EQ(portable_log(1.0), 0.0);
}

TEST(PortableSincos, IsWithinItsBoundOnUniformNumbers) {
  long double worst = 0.0L;
  for (const uint64_t word : some_words(1, 200'000)) {
    worst = std::max(worst, sincos_error(word >> 11));
  }
  EXPECT_LT(worst, kBound);
}

TEST(PortableSincos, IsWithinItsBoundNearTheEighthsOfATurn) {
  constexpr uint64_t kTurn = uint64_t{1} << 53;
  long double worst = 0.0L;
  for (uint64_t eighth = 0; eighth < 8; ++eighth) {
    for (uint64_t i = 0; i < 100; ++i) {
      worst = std::max(worst, sincos_error((eighth * (kTurn / 8) + i) % kTurn));
      worst = std::max(worst, sincos_error((eighth * (kTurn / 8) + kTurn - 1 - i) % kTurn));
    }
  }
  EXPECT_LT(worst, kBound);
}

TEST(PortableSincos, IsExactAtTheQuartersOfATurn) {
  constexpr uint64_t kQuarter = uint64_t{1} << 51;
  const double sines[] = {0.0, 1.0, 0.0, -1.0, 0.0};
  for (uint64_t quarter = 0; quarter < 4; ++quarter) {
    const SinCos got = portable_sincos_turns(quarter * kQuarter);
    EXPECT_EQ(got.sin, sines[quarter]) << quarter;
    EXPECT_EQ(got.cos, sines[quarter + 1]) << quarter;
  }
}

}  // namespace ddpm
