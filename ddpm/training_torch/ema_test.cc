#include "ddpm/training_torch/ema.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/testing/known_number.h"
#include "ddpm/training/ema_decay.h"

namespace ddpm {
namespace {

TEST(Ema, FollowsItsClosedFormForAConstantWeight) {
  // s_k = w + d^k (s_0 - w) with s_0 = 0, w = 1
  std::vector<Tensor> weights = {at::zeros({1}, at::kDouble)};
  Ema ema(weights);
  weights[0].fill_(1.0);
  for (int64_t k = 0; k < 1000; ++k) {
    ema.update(weights, ema_decay_at(EmaRule::kConstant, 0.9999, k));
  }
  EXPECT_KNOWN(ema.averages()[0].item<double>(), 1.0 - std::pow(0.9999, 1000), 1e-12);
}

TEST(Ema, WarmUpWithGrowingWeightsIsExactlyNineTenthsOfThem) {
  // with d = k / (9 + k) and w_k = k: s_k = (k * 0.9 (k - 1) + 9 k) / (9 + k) = 0.9 k
  std::vector<Tensor> weights = {at::zeros({1}, at::kDouble)};
  Ema ema(weights);
  for (int k = 1; k <= 500; ++k) {
    weights[0].fill_(static_cast<double>(k));
    ema.update(weights, ema_decay_at(EmaRule::kWarmup, 0.9999, k - 1));
    EXPECT_KNOWN(ema.averages()[0].item<double>(), 0.9 * k, 1e-11 * k);
  }
}

TEST(Ema, StartsAtTheWeightsAndIsACopyOfThem) {
  std::vector<Tensor> weights = {at::ones({2})};
  const Ema ema(weights);
  weights[0].fill_(3.0);
  EXPECT_EQ(ema.averages()[0][0].item<float>(), 1.0F);
}

}  // namespace
}  // namespace ddpm
