// How --channels auto decides.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ddpm/data/dataset.h"
#include "ddpm/testing/toy_images.h"

namespace ddpm {
namespace {

Image pixel_image(const std::vector<uint16_t>& pixel, int bits = 8) {
  return {1, 1, static_cast<int64_t>(pixel.size()), bits, pixel};
}

int64_t auto_channels(std::vector<Image> images) {
  return make_dataset(std::move(images)).image_shape().channels;
}

TEST(Channels, ChannelsFollowThePixels) {
  const Image gray = pixel_image({1});
  const Image gray_opaque = pixel_image({1, 255});
  const Image gray_clear = pixel_image({1, 100});
  const Image gray_as_rgb = pixel_image({1, 1, 1});
  const Image rgb = pixel_image({1, 2, 3});
  const Image rgba_opaque = pixel_image({1, 2, 3, 255});
  const Image rgba_clear = pixel_image({1, 2, 3, 0});
  EXPECT_EQ(auto_channels({gray, gray_opaque}), 1);
  EXPECT_EQ(auto_channels({gray, gray_as_rgb}), 1);
  EXPECT_EQ(auto_channels({gray_as_rgb, rgb}), 3);
  EXPECT_EQ(auto_channels({gray, rgb}), 3);
  EXPECT_EQ(auto_channels({gray, rgba_opaque}), 3);
  EXPECT_EQ(auto_channels({gray, rgb, rgba_clear}), 4);
  EXPECT_EQ(auto_channels({gray, gray_clear}), 4);
}

TEST(Channels, AFewTransparentPixelsMakeNoAlphaChannel) {
  std::vector<Image> images = {toy_image(10, 20, 3, 1), toy_image(10, 20, 4, 2)};
  for (int64_t x = 0; x < 4; ++x) images[1].at(0, x, 3) = 0;  // 4 of 400: just 99 %
  const Dataset opaque = make_dataset(images);
  EXPECT_EQ(opaque.image_shape().channels, 3);
  EXPECT_NE(opaque.report().lines().find("channels: 3 (RGB): red, green and blue differ, and a "
                                         "mean opacity of 99.00 % is at least 99 %"),
            std::string::npos)
      << opaque.report().lines();
  images[1].at(0, 4, 3) = 254;
  const Dataset transparent = make_dataset(images);
  EXPECT_EQ(transparent.image_shape().channels, 4);
  EXPECT_NE(transparent.report().lines().find("channels: 4 (RGBA): the pixels' mean opacity is "
                                              "98.99 %, below 99 %"),
            std::string::npos)
      << transparent.report().lines();
}

TEST(Channels, GrayAsRgbIsConvertedAndTheRuleIsPrinted) {
  const Dataset dataset = make_dataset({pixel_image({5, 5, 5}), pixel_image({9, 9, 9})});
  EXPECT_EQ(dataset.image_shape().channels, 1);
  EXPECT_EQ(dataset.fingerprint(),
            make_dataset({pixel_image({5}), pixel_image({9})}).fingerprint());
  EXPECT_NE(dataset.report().lines().find(
                "channels: 1 (gray): red, green and blue are equal in every pixel\n"),
            std::string::npos)
      << dataset.report().lines();
  DataOptions options;
  options.channels = 3;
  EXPECT_EQ(make_dataset({pixel_image({5, 5, 5})}, options).report().channels_rule, "");
}

}  // namespace
}  // namespace ddpm
