// How quickly the averages of the weights forget.

#pragma once

#include <cstdint>

#include "ddpm/config/choices.h"

namespace ddpm {

// The decay d of the update after `updates` earlier ones, of which each is s <- d s + (1 - d) w.
// Throws InvalidArgument unless `decay` is in [0, 1).
double ema_decay_at(EmaRule rule, double decay, int64_t updates);

}  // namespace ddpm
