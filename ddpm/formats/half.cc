#include "ddpm/formats/half.h"

#include <bit>

namespace ddpm {

namespace {

constexpr uint32_t kSignBit = 0x80000000;
constexpr uint32_t kInfinity = 0x7f800000;    // of float32
constexpr uint32_t kFractionBits = 23;        // of float32
constexpr uint32_t kHalfFractionBits = 10;    // of a half
constexpr uint32_t kBias = 127 - 15;          // between the exponents of the two
constexpr uint32_t kSmallestNormal = 113;     // exponent of 2^-14, the smallest normal half
constexpr uint32_t kBeyondHalf = 0x477ff000;  // 65520, half a step above the largest half
constexpr uint32_t kSubnormalUnit = 126;      // a fraction shifted by this - exponent is in 2^-24
constexpr uint32_t kFurthestShift = kFractionBits + 1;  // more leave less than half a unit
constexpr uint16_t kHalfInfinity = 0x7c00;
constexpr uint16_t kHalfNan = 0x7e00;
constexpr uint16_t kQuietBit = 0x0040;  // of a bfloat16

// value / 2^shift to the nearest whole number, of two as near the even one.
uint32_t rounded_shift(uint32_t value, uint32_t shift) {
  const uint32_t whole = value >> shift;
  const uint32_t rest = value & ((uint32_t{1} << shift) - 1);
  const uint32_t middle = uint32_t{1} << (shift - 1);
  return rest > middle || (rest == middle && whole % 2 == 1) ? whole + 1 : whole;
}

// A half without its sign, of the bits of a float32 without its own.
uint32_t half_magnitude(uint32_t magnitude) {
  if (magnitude > kInfinity) return kHalfNan;
  if (magnitude >= kBeyondHalf) return kHalfInfinity;
  const uint32_t exponent = magnitude >> kFractionBits;
  if (exponent >= kSmallestNormal) {  // a fraction that is rounded up to 2 raises the exponent
    return rounded_shift(magnitude - (kBias << kFractionBits), kFractionBits - kHalfFractionBits);
  }
  const uint32_t shift = kSubnormalUnit - exponent;
  if (shift > kFurthestShift) return 0;
  const uint32_t leading = uint32_t{1} << kFractionBits;
  return rounded_shift(leading | (magnitude & (leading - 1)), shift);
}

}  // namespace

float float_of_half(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t fraction = bits & 0x3ff;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24, exact in float32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign == 0 ? magnitude : -magnitude;
  }
  const uint32_t wide = exponent == 0x1f ? 0xff : exponent + kBias;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

float float_of_bfloat16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t half_of_float(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits & kSignBit) >> 16 | half_magnitude(bits & ~kSignBit));
}

uint16_t bfloat16_of_float(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & ~kSignBit) > kInfinity) return static_cast<uint16_t>(bits >> 16 | kQuietBit);
  return static_cast<uint16_t>(rounded_shift(bits, 16));
}

}  // namespace ddpm
