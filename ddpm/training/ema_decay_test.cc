#include "ddpm/training/ema_decay.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

TEST(EmaDecay, WarmUpEndsAtTheDecay) {
  EXPECT_DOUBLE_EQ(ema_decay_at(EmaRule::kWarmup, 0.999, 0), 0.1);
  EXPECT_DOUBLE_EQ(ema_decay_at(EmaRule::kWarmup, 0.999, 1'000'000), 0.999);
  EXPECT_DOUBLE_EQ(ema_decay_at(EmaRule::kConstant, 0.999, 0), 0.999);
}

TEST(EmaDecay, RefusesADecayOfOne) {
  for (const EmaRule rule : {EmaRule::kWarmup, EmaRule::kConstant}) {
    EXPECT_THROW(ema_decay_at(rule, 1.0, 0), InvalidArgument);
    EXPECT_THROW(ema_decay_at(rule, -0.1, 0), InvalidArgument);
  }
}

}  // namespace
}  // namespace ddpm
