#include "ddpm/unet/embedding_frequencies.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

// The paper's embedding: from 1 down to 1 / 10000 in half as many equal ratios.
TEST(EmbeddingFrequencies, FallGeometricallyFromOneToOneTenThousandth) {
  const std::vector<float> f = embedding_frequencies(128, 1);
  ASSERT_EQ(f.size(), 64U);
  EXPECT_EQ(f.front(), 1.0F);
  EXPECT_NEAR(f.back(), 1e-4, 1e-10);
  for (size_t i = 1; i < f.size(); ++i) {
    EXPECT_NEAR(f[i] / f[i - 1], std::pow(1e-4, 1.0 / 63.0), 1e-6) << i;
  }
  const std::vector<float> unshifted = embedding_frequencies(128, 0);
  EXPECT_NEAR(unshifted[32], 1e-2, 1e-8);  // 10000^(-32 / 64)
}

TEST(EmbeddingFrequencies, AreRefusedForChannelsThatHaveNone) {
  EXPECT_THROW(embedding_frequencies(8, 4), InvalidArgument);
  EXPECT_THROW(embedding_frequencies(8, -1), InvalidArgument);
  EXPECT_THROW(embedding_frequencies(1, 0), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
