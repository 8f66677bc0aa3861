#include "ddpm/training/ema_decay.h"

#include <algorithm>

#include "ddpm/base/check.h"

namespace ddpm {

double ema_decay_at(EmaRule rule, double decay, int64_t updates) {
  DDPM_CHECK(decay >= 0.0 && decay < 1.0, "ema: the decay must be in [0, 1), got ", decay);
  const auto n = static_cast<double>(updates);
  switch (rule) {
    case EmaRule::kWarmup:
      return std::min(decay, (1.0 + n) / (10.0 + n));
    case EmaRule::kConstant:
      return decay;
  }
  DDPM_ASSERT(false);
}

}  // namespace ddpm
