// How an image of another size than the expected one is made to fit.

#pragma once

#include <array>

#include "ddpm/base/names.h"

namespace ddpm {

enum class Fit {
  kNone,     // not at all: it is an error
  kCrop,     // scaled to cover the expected size; the centre is kept
  kPad,      // scaled down, never up, until it fits inside; around it every sample is 0, which is
             // black, and transparent where there is alpha
  kStretch,  // each side scaled on its own
};

inline constexpr std::array<Named<Fit>, 4> kFits = {
    {{Fit::kNone, "none"}, {Fit::kCrop, "crop"}, {Fit::kPad, "pad"}, {Fit::kStretch, "stretch"}}};

}  // namespace ddpm
