#include "ddpm/base/batch.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

TEST(Batch, StartsAtZeroAndGivesEachImageItsOwnValues) {
  Batch batch({3, 2, 4, 5});
  EXPECT_EQ(batch.shape().image_size(), 40);
  for (const float value : batch.values()) EXPECT_EQ(value, 0.0F);
  batch.image(1)[0] = 7.0F;
  EXPECT_EQ(batch.values()[40], 7.0F);
}

TEST(Batch, ASliceSharesTheMemory) {
  Batch batch({4, 1, 2, 2});
  batch.view().slice(2, 2).image(1)[3] = 1.0F;
  EXPECT_EQ(batch.values()[15], 1.0F);
  EXPECT_EQ(batch.view().slice(4, 0).images(), 0);
}

TEST(Batch, RefusesImagesThatItDoesNotHave) {
  Batch batch({2, 1, 1, 1});
  EXPECT_THROW(batch.image(2), InvalidArgument);
  EXPECT_THROW(batch.image(-1), InvalidArgument);
  EXPECT_THROW(batch.view().slice(1, 2), InvalidArgument);
  EXPECT_THROW(Batch({-1, 1, 1, 1}), InvalidArgument);
}

TEST(BatchShape, IsWrittenAsAList) { EXPECT_EQ(concat(BatchShape{2, 3, 4, 5}), "[2, 3, 4, 5]"); }

}  // namespace
}  // namespace ddpm
