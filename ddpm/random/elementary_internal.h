// Logarithm, sine and cosine out of basic operations alone, so the same bits on every machine.
//
// IEEE 754 fixes the result of + - * / and sqrt, but not that of log, sin and cos: C libraries
// differ in the last bit, and so would the images of one seed. Contraction is off in the whole
// build. elementary_test.cc holds both to a relative error of 5e-16; worst seen 3.1e-16.

#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace ddpm {

struct SinCos {
  double sin;
  double cos;
};

// A word's top 53 bits as a number in (0, 1], whose logarithm is finite.
inline double positive_unit(uint64_t word) {
  return static_cast<double>(static_cast<int64_t>((word >> 11) + 1)) * 0x1p-53;
}

// The polynomial with these coefficients, the constant first.
template <size_t n>
inline double polynomial(const std::array<double, n>& coefficients, double x) {
  double sum = coefficients[n - 1];
  for (size_t i = n - 1; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

// ln x for a normal positive x.
//
// x = 2^e m with m in [sqrt(1/2), sqrt(2)), and ln m = 2 artanh(s) = 2 (s + s^3 / 3 + ..) for
// s = (m - 1) / (m + 1), |s| < 0.172. The first term left out is below 7e-19 of the sum.
inline double portable_log(double x) {
  constexpr std::array<double, 10> kArtanh = {1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
                                              1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
  constexpr double kLn2High = 0x1.62e42fefap-1;      // its last 16 bits are 0: e times it is exact
  constexpr double kLn2Low = 0x1.cf79abc9e3b3ap-40;  // ln 2 - kLn2High
  constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdULL;  // the bits of sqrt(1/2)

  const uint64_t above = std::bit_cast<uint64_t>(x) - kSqrtHalf;
  const auto e = static_cast<double>(static_cast<int64_t>(above) >> 52);
  const double m = std::bit_cast<double>((above & 0x000fffffffffffffULL) + kSqrtHalf);
  const double f = m - 1.0;  // exact
  const double s = f / (2.0 + f);
  const double s2 = s * s;
  // ln m = 2 s + 2 s^3 / 3 + .., where 2 s = f - s f
  const double rest = s * (f - 2.0 * s2 * polynomial(kArtanh, s2));
  return e * kLn2High + (f - (rest - e * kLn2Low));
}

// sin and cos of j / 2^53 turns, j in [0, 2^53).
//
// The angle is n quarter turns and a rest of at most half of one, both exact; then Taylor's series,
// whose first terms left out are below 6e-17 of the sine and 3e-18 of the cosine.
inline SinCos portable_sincos_turns(uint64_t j) {
  constexpr double kHalfPi = 1.57079632679489661923;
  constexpr std::array<double, 8> kSin = {
      1.0,          -1.0 / 6,        1.0 / 120,        -1.0 / 5040,
      1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000};
  constexpr std::array<double, 9> kCos = {1.0,
                                          -1.0 / 2,
                                          1.0 / 24,
                                          -1.0 / 720,
                                          1.0 / 40320,
                                          -1.0 / 3628800,
                                          1.0 / 479001600,
                                          -1.0 / 87178291200,
                                          1.0 / 20922789888000};
  const uint64_t n = (j + (uint64_t{1} << 50)) >> 51;  // the nearest quarter turn, 0 .. 4
  const auto rest = static_cast<double>(static_cast<int64_t>(j - (n << 51)));
  const double angle = rest * 0x1p-51 * kHalfPi;
  const double angle2 = angle * angle;
  const double sin = angle * polynomial(kSin, angle2);
  const double cos = polynomial(kCos, angle2);

  // Which is which, and their signs, by bits: a branch would be mispredicted every other time.
  const auto sin_bits = std::bit_cast<uint64_t>(sin);
  const auto cos_bits = std::bit_cast<uint64_t>(cos);
  const uint64_t exchange = (sin_bits ^ cos_bits) & (uint64_t{0} - (n & 1));  // odd quarters
  const uint64_t sin_sign = (n & 2) << 62;                                    // quarters 2 and 3
  const uint64_t cos_sign = ((n + 1) & 2) << 62;                              // quarters 1 and 2
  return {std::bit_cast<double>(sin_bits ^ exchange ^ sin_sign),
          std::bit_cast<double>(cos_bits ^ exchange ^ cos_sign)};
}

}  // namespace ddpm
