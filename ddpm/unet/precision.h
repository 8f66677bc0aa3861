// The number type of a network's products, whoever executes it.

#pragma once

#include <array>

#include "ddpm/base/names.h"

namespace ddpm {

enum class Precision {
  kFloat32,
  kBFloat16,  // products of bfloat16 numbers, their sums and the normalisations in float32
};

// The words of --precision.
inline constexpr std::array<Named<Precision>, 2> kPrecisions = {{
    {Precision::kFloat32, "fp32"},
    {Precision::kBFloat16, "bf16"},
}};

}  // namespace ddpm
