// Whether numbers are finite.

#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

namespace ddpm {

template <typename Number>
bool all_finite(std::span<const Number> values) {
  return std::all_of(values.begin(), values.end(),
                     [](Number value) { return std::isfinite(value); });
}

// How many are not finite. By their bits, so that a compiler makes vectors of it.
inline int64_t count_not_finite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000;  // all of its bits stand for infinity or no number
  int64_t count = 0;
  for (const float value : values) {
    count += (std::bit_cast<uint32_t>(value) & kExponent) == kExponent ? 1 : 0;
  }
  return count;
}

}  // namespace ddpm
