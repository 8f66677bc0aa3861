#include "ddpm/jobs/images_npz.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/npz.h"

namespace ddpm {
namespace {

Image gray_image(int64_t side, uint16_t value) {
  const auto samples = static_cast<size_t>(side * side);
  return {side, side, 1, 8, std::vector<uint16_t>(samples, value)};
}

TEST(ImagesNpz, IsTheArrayOfAllImages) {
  std::string streamed;
  stream_images_npz(
      3, [](int64_t i) { return gray_image(2, static_cast<uint16_t>(250 + i)); },
      [&](std::span<const std::byte> piece) { streamed += as_text(piece); });
  const NpyArray whole{"|u1", {3, 2, 2, 1}, "\xfa\xfa\xfa\xfa\xfb\xfb\xfb\xfb\xfc\xfc\xfc\xfc"};
  EXPECT_EQ(streamed, encode_npz("arr_0", whole));
}

// What was passed on lags behind the images by no more than a few, however many there are.
TEST(ImagesNpz, AnImageLeavesMemoryBeforeTheNextOneIsRead) {
  constexpr int64_t kSide = 100;
  constexpr int64_t kImages = 200;
  int64_t passed = 0;
  int64_t largest_lag = 0;
  stream_images_npz(
      kImages,
      [&](int64_t i) {
        largest_lag = std::max(largest_lag, i * kSide * kSide - passed);
        return gray_image(kSide, 7);
      },
      [&](std::span<const std::byte> piece) { passed += std::ssize(piece); });
  EXPECT_LE(largest_lag, 100'000);  // of 2,000,000
}

TEST(ImagesNpz, ImagesOfAnotherSizeOrOf16BitsAreRefused) {
  const auto stream = [](const Image& second) {
    stream_images_npz(
        2, [&](int64_t i) { return i == 0 ? gray_image(2, 1) : second; },
        [](std::span<const std::byte>) {});
  };
  EXPECT_NO_THROW(stream(gray_image(2, 9)));
  EXPECT_THROW(stream(gray_image(3, 9)), InvalidArgument);
  Image wide = gray_image(2, 9);
  wide.bits = 16;
  EXPECT_THROW(stream(wide), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
