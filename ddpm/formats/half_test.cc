#include "ddpm/formats/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ddpm {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// 1.f + fraction / 1024 times 2^(exponent - 15) by the definition of binary16, in double.
double half_by_definition(uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

double bfloat16_by_definition(uint16_t bits) {
  const int exponent = (bits >> 7) & 0xff;
  const int fraction = bits & 0x7f;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -133) : std::ldexp(128 + fraction, exponent - 134);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(Half, EveryHalfIsReadAsItsDefinitionSaysAndComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = float_of_half(half);
    if ((bits & 0x7c00) == 0x7c00) {
      EXPECT_EQ(std::isnan(value), (bits & 0x3ff) != 0);
      EXPECT_EQ(std::isinf(value), (bits & 0x3ff) == 0);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(float_of_half(half_of_float(value))));
        continue;
      }
    } else {
      ASSERT_EQ(static_cast<double>(value), half_by_definition(half)) << bits;
    }
    ASSERT_EQ(half_of_float(value), half) << bits;  // the sign of zero too
  }
}

// Between any two neighbours: the middle goes to the even one, what is next to it to the nearer.
TEST(Half, BetweenTwoHalvesTheNearerIsTakenAndOfTwoAsNearTheEvenOne) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const auto low = static_cast<uint16_t>(bits);
    const auto high = static_cast<uint16_t>(bits + 1);
    const auto middle =
        static_cast<float>((half_by_definition(low) + half_by_definition(high)) / 2.0);
    const uint16_t even = low % 2 == 0 ? low : high;
    ASSERT_EQ(half_of_float(middle), even) << bits;
    ASSERT_EQ(half_of_float(-middle), even | 0x8000) << bits;
    ASSERT_EQ(half_of_float(std::nextafterf(middle, 0.0f)), low) << bits;
    ASSERT_EQ(half_of_float(std::nextafterf(middle, kInfinity)), high) << bits;
  }
}

TEST(Half, WhatIsTooLargeIsInfiniteAndWhatIsTooSmallIsZero) {
  EXPECT_EQ(half_of_float(65519.996f), 0x7bff);  // the largest, 65504
  EXPECT_EQ(half_of_float(65520.0f), 0x7c00);    // the middle; the even neighbour is infinite
  EXPECT_EQ(half_of_float(1e38f), 0x7c00);
  EXPECT_EQ(half_of_float(-65520.0f), 0xfc00);
  EXPECT_EQ(half_of_float(kInfinity), 0x7c00);
  EXPECT_EQ(half_of_float(0x1p-25f), 0x0000);  // half of the smallest, 2^-24
  EXPECT_EQ(half_of_float(std::nextafterf(0x1p-25f, 1.0f)), 0x0001);
  EXPECT_EQ(half_of_float(-1e-45f), 0x8000);  // a subnormal float32
  EXPECT_TRUE(std::isnan(float_of_half(half_of_float(kNan))));
  EXPECT_TRUE(std::isnan(float_of_half(half_of_float(-kNan))));
}

TEST(Bfloat16, EveryOneIsReadAsItsDefinitionSaysAndComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto number = static_cast<uint16_t>(bits);
    const float value = float_of_bfloat16(number);
    if ((bits & 0x7f80) == 0x7f80 && (bits & 0x7f) != 0) {
      EXPECT_TRUE(std::isnan(value) && std::isnan(float_of_bfloat16(bfloat16_of_float(value))));
      continue;
    }
    if (std::isfinite(value)) {
      ASSERT_EQ(static_cast<double>(value), bfloat16_by_definition(number)) << bits;
    }
    ASSERT_EQ(bfloat16_of_float(value), number) << bits;
  }
}

TEST(Bfloat16, BetweenTwoTheNearerIsTakenAndOfTwoAsNearTheEvenOne) {
  for (uint32_t bits = 0; bits < 0x7f7f; ++bits) {
    const auto low = static_cast<uint16_t>(bits);
    const auto high = static_cast<uint16_t>(bits + 1);
    const auto middle =
        static_cast<float>((bfloat16_by_definition(low) + bfloat16_by_definition(high)) / 2.0);
    const uint16_t even = low % 2 == 0 ? low : high;
    ASSERT_EQ(bfloat16_of_float(middle), even) << bits;
    ASSERT_EQ(bfloat16_of_float(-middle), even | 0x8000) << bits;
    ASSERT_EQ(bfloat16_of_float(std::nextafterf(middle, 0.0f)), low) << bits;
    ASSERT_EQ(bfloat16_of_float(std::nextafterf(middle, kInfinity)), high) << bits;
  }
}

TEST(Bfloat16, WhatIsTooLargeIsInfiniteAndANanStaysOne) {
  const float middle = 0x1.ffp127f;  // 2^128 - 2^119
  EXPECT_EQ(bfloat16_of_float(std::nextafterf(middle, 0.0f)), 0x7f7f);
  EXPECT_EQ(bfloat16_of_float(middle), 0x7f80);
  EXPECT_EQ(bfloat16_of_float(-std::numeric_limits<float>::max()), 0xff80);
  EXPECT_EQ(bfloat16_of_float(kInfinity), 0x7f80);
  // a NaN whose upper half alone would be an infinity
  const uint32_t bits = 0x7f800001;
  float nan = 0.0f;
  static_assert(sizeof(nan) == sizeof(bits));
  __builtin_memcpy(&nan, &bits, sizeof(nan));
  EXPECT_TRUE(std::isnan(float_of_bfloat16(bfloat16_of_float(nan))));
}

}  // namespace
}  // namespace ddpm
