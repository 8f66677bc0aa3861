#include "ddpm/plot/image_difference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

Image gray(std::vector<uint16_t> samples) {
  return {1, static_cast<int64_t>(samples.size()), 1, 8, std::move(samples)};
}

}  // namespace

// By hand: differences 3, -4, 0 and 0 of four samples: sqrt(25 / 4) = 2.5.
TEST(RmsDifference, IsTheRootOfTheMeanSquareOverAllPairs) {
  const std::vector<Image> a = {gray({10, 20}), gray({5, 255})};
  const std::vector<Image> b = {gray({7, 24}), gray({5, 255})};
  EXPECT_DOUBLE_EQ(rms_difference(a, b), 2.5);
  EXPECT_DOUBLE_EQ(rms_difference(b, a), 2.5);
  EXPECT_EQ(rms_difference(a, a), 0.0);
}

TEST(RmsDifference, RejectsWhatIsNoPair) {
  const std::vector<Image> one = {gray({1, 2})};
  const std::vector<Image> longer = {gray({1, 2, 3})};
  EXPECT_THROW(rms_difference(one, longer), InvalidArgument);
  EXPECT_THROW(rms_difference(one, {}), InvalidArgument);
  EXPECT_THROW(rms_difference({}, {}), InvalidArgument);
}

TEST(PsnrOf, IsInDecibelsOfTheBrightest) {
  EXPECT_DOUBLE_EQ(psnr_of(255.0), 0.0);
  EXPECT_DOUBLE_EQ(psnr_of(2.55), 40.0);
  EXPECT_TRUE(std::isinf(psnr_of(0.0)));
}

}  // namespace ddpm
