#include "ddpm/cli_torch/torch_hooks.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "ddpm/testing/known_number.h"

namespace ddpm {
namespace {

// torch.manual_seed(0); torch.randn(4, 3, 8, 8), twice.
TEST(TorchNormal, DrawsWhatTorchRandnDraws) {
  const NormalDraws draw = torch_normal_draws(0);
  std::vector<float> z(768);
  draw(z);
  const double first[] = {-1.12583983, -1.1523602, -0.250578582, -0.433878809, 0.848710358};
  for (size_t i = 0; i < 5; ++i) EXPECT_KNOWN(z[i], first[i], 1e-8);
  EXPECT_KNOWN(std::accumulate(z.begin(), z.end(), 0.0), 47.871551954, 1e-8);
  draw(z);
  const double second[] = {0.497416645, 0.268522233, 1.47687864, 0.354795069};
  for (size_t i = 0; i < 4; ++i) EXPECT_KNOWN(z[i], second[i], 1e-8);
}

TEST(TorchNormal, OfFewNumbersTakesAnotherPath) {
  std::vector<float> z(2);
  torch_normal_draws(0)(z);
  EXPECT_KNOWN(z[0], 1.541, 1e-4);
  EXPECT_KNOWN(z[1], -0.293429, 1e-6);
}

TEST(TorchNormal, GeneratorsDoNotTouchEachOther) {
  const NormalDraws one = torch_normal_draws(5);
  const NormalDraws other = torch_normal_draws(5);
  std::vector<float> a(32);
  std::vector<float> b(32);
  one(a);
  torch_normal_draws(6)(b);
  other(b);
  EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace ddpm
