// Whether numbers are finite.

#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace ddpm {

template <typename Number>
bool all_finite(std::span<const Number> values) {
  return std::all_of(values.begin(), values.end(),
                     [](Number value) { return std::isfinite(value); });
}

}  // namespace ddpm
