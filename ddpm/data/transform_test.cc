#include "ddpm/data/transform.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/random/stream.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

Image constant_image(int64_t height, int64_t width, const std::vector<uint16_t>& pixel, int bits) {
  Image image{height, width, static_cast<int64_t>(pixel.size()), bits, {}};
  for (int64_t i = 0; i < height * width; ++i) {
    image.samples.insert(image.samples.end(), pixel.begin(), pixel.end());
  }
  return image;
}

Image random_image(int64_t height, int64_t width, int64_t channels, int bits, uint64_t index) {
  Image image{height, width, channels, bits, {}};
  std::vector<uint64_t> words(static_cast<size_t>(height * width * channels));
  fill_words(Stream{1, Purpose::kTest, index}, words);
  for (const uint64_t word : words) {
    image.samples.push_back(static_cast<uint16_t>(word >> (64 - bits)));
  }
  return image;
}

Image row_image(const std::vector<uint16_t>& samples) {
  return {1, static_cast<int64_t>(samples.size()), 1, 8, samples};
}

Image transposed(const Image& image) {
  Image result{image.width, image.height, image.channels, image.bits, image.samples};
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      for (int64_t c = 0; c < image.channels; ++c) result.at(x, y, c) = image.at(y, x, c);
    }
  }
  return result;
}

constexpr Fit kScaling[] = {Fit::kCrop, Fit::kPad, Fit::kStretch};

TEST(Units, EveryByteAndEveryWordComesBack) {
  for (int v = 0; v <= 255; ++v) {
    EXPECT_EQ(unit_to_byte(byte_to_unit(static_cast<uint8_t>(v))), v);
  }
  for (int v = 0; v <= 65535; ++v) {
    ASSERT_EQ(unit_to_word(word_to_unit(static_cast<uint16_t>(v))), v);
  }
}

TEST(Units, TheDarkestIsMinusOneAndTheBrightestOne) {
  EXPECT_EQ(byte_to_unit(0), -1.0f);
  EXPECT_EQ(byte_to_unit(255), 1.0f);
  EXPECT_EQ(word_to_unit(0), -1.0f);
  EXPECT_EQ(word_to_unit(65535), 1.0f);
  // a byte repeated in both halves of a word is the same brightness: v * 257 / 65535 = v / 255
  for (int v = 0; v <= 255; ++v) {
    EXPECT_EQ(word_to_unit(static_cast<uint16_t>(v * 257)), byte_to_unit(static_cast<uint8_t>(v)));
  }
}

TEST(Units, BackIsTheNearestSampleAndNeverOutside) {
  EXPECT_EQ(unit_to_byte(-1.5f), 0);
  EXPECT_EQ(unit_to_byte(1e30f), 255);
  EXPECT_EQ(unit_to_byte(0.0f), 128);                  // 127.5, half way, goes up
  EXPECT_EQ(unit_to_byte(-1.0f + 0.49f / 127.5f), 0);  // 0.49
  EXPECT_EQ(unit_to_byte(-1.0f + 0.51f / 127.5f), 1);  // 0.51
  EXPECT_EQ(unit_to_byte(1.0f - 0.49f / 127.5f), 255);
  EXPECT_EQ(unit_to_byte(1.0f - 0.51f / 127.5f), 254);
}

TEST(Units, NumbersThatAreNotFiniteAreRefused) {
  EXPECT_THROW(unit_to_byte(std::numeric_limits<float>::quiet_NaN()), InvalidArgument);
  EXPECT_THROW(unit_to_byte(std::numeric_limits<float>::infinity()), InvalidArgument);
  EXPECT_THROW(unit_to_word(-std::numeric_limits<float>::infinity()), InvalidArgument);
}

TEST(ToImage, TakesPlanesApartIntoPixels) {
  const std::vector<float> planes = {-1, 1, 1, -1, -1, -1, 1, 1, 1, -1, 1, -1};  // 3 x 2 x 2
  const Image image = to_image(planes, 3, 2, 2);
  EXPECT_EQ(image.bits, 8);
  const std::vector<uint16_t> pixels = {0, 0, 255, 255, 0, 0, 255, 255, 255, 0, 255, 0};
  EXPECT_EQ(image.samples, pixels);
  EXPECT_THROW(to_image(planes, 3, 2, 3), InvalidArgument);
  EXPECT_THROW(to_image(planes, 12, 1, 1), InvalidArgument);
}

// A byte, as a number in [-1, 1], and back: truncation in float32 gets 95 of the 256 wrong, as was
// counted for the programs that do so. It is never above the nearest and at most one level below.
TEST(ToImage, TruncatedDarkensNinetyFiveOfTheBytes) {
  std::vector<float> units;
  for (int byte = 0; byte < 256; ++byte) units.push_back(byte_to_unit(static_cast<uint8_t>(byte)));
  const Image nearest = to_image(units, 1, 16, 16);
  const Image truncated = to_image(units, 1, 16, 16, Rounding::kTruncated);
  int wrong = 0;
  for (size_t byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(nearest.samples[byte], byte);
    if (truncated.samples[byte] != byte) ++wrong;
    EXPECT_LE(truncated.samples[byte], byte);
    EXPECT_GE(truncated.samples[byte] + 1, byte);
  }
  EXPECT_EQ(wrong, 95);
  const std::vector<float> beyond = {-3.0F, 3.0F};
  EXPECT_EQ(to_image(beyond, 1, 1, 2, Rounding::kTruncated).samples,
            (std::vector<uint16_t>{0, 255}));
  EXPECT_THROW(to_image(std::vector<float>{NAN}, 1, 1, 1, Rounding::kTruncated), InvalidArgument);
}

TEST(FitImage, AnImageOfTheWantedSizeIsUntouched) {
  for (const Fit fit : {Fit::kNone, Fit::kCrop, Fit::kPad, Fit::kStretch}) {
    for (const int bits : {8, 16}) {
      const Image image = random_image(5, 7, 4, bits, 1);
      EXPECT_EQ(fit_image(image, 5, 7, fit).samples, image.samples);
    }
  }
}

TEST(FitImage, AnotherSizeWithoutAFitIsRefusedAndTheOptionNamed) {
  EXPECT_EQ(
      complaint<InvalidArgument>([&] { fit_image(random_image(5, 7, 1, 8, 1), 5, 8, Fit::kNone); }),
      "image: wanted 5x8 pixels, got 5x7; --fit crop, pad or stretch makes it so");
}

TEST(FitImage, AConstantImageStaysConstantAtAnyScale) {
  const std::vector<uint16_t> pixel = {12, 200, 255, 77};
  for (const Fit fit : {Fit::kCrop, Fit::kStretch}) {
    for (const int64_t height : {1, 3, 10, 31}) {
      const Image image = fit_image(constant_image(10, 14, pixel, 8), height, 9, fit);
      EXPECT_EQ(image.samples, constant_image(height, 9, pixel, 8).samples);
    }
  }
  const Image wide = fit_image(constant_image(4, 4, {51234}, 16), 3, 3, Fit::kStretch);
  EXPECT_EQ(wide.samples, constant_image(3, 3, {51234}, 16).samples);
  EXPECT_EQ(wide.bits, 16);
}

TEST(FitImage, HalvingWeighsByATriangle) {
  // the middle of output pixel s lies at 2 s + 1, the triangle reaches 2 pixels to either side, its
  // weights are 1, 3, 3, 1 eighths: pixel 3 gives 3/8 to output 1 and 1/8 to output 2
  EXPECT_EQ(fit_image(row_image({0, 0, 0, 200, 0, 0, 0, 0}), 1, 4, Fit::kStretch).samples,
            (std::vector<uint16_t>{0, 75, 25, 0}));
  // at the border the weights that are left, 3, 3, 1, are of sum one again: 3/7 of 210
  EXPECT_EQ(fit_image(row_image({210, 0, 0, 0}), 1, 2, Fit::kStretch).samples,
            (std::vector<uint16_t>{90, 0}));
}

TEST(FitImage, DoublingInterpolatesLinearly) {
  // output s lies at (s + 0.5) / 2 of the input: a quarter and three quarters between two pixels
  EXPECT_EQ(fit_image(row_image({0, 100}), 1, 4, Fit::kStretch).samples,
            (std::vector<uint16_t>{0, 25, 75, 100}));
}

TEST(FitImage, BothSidesAreTreatedAlike) {
  for (const Fit fit : kScaling) {
    for (const auto& [height, width] : {std::pair{5, 16}, {16, 5}, {20, 31}, {11, 12}}) {
      const Image image = random_image(11, 17, 3, 16, 3);
      const Image a = transposed(fit_image(image, height, width, fit));
      const Image b = fit_image(transposed(image), width, height, fit);
      ASSERT_EQ(a.samples.size(), b.samples.size());
      for (size_t i = 0; i < a.samples.size(); ++i) {
        // the order of two sums differs, so a value near a half may round the other way
        ASSERT_NEAR(a.samples[i], b.samples[i], 1);
      }
    }
  }
}

TEST(FitImage, CropWithoutScalingCutsOutTheMiddle) {
  const Image image = random_image(4, 9, 3, 8, 4);
  const Image cut = fit_image(image, 4, 4, Fit::kCrop);
  for (int64_t y = 0; y < 4; ++y) {
    for (int64_t x = 0; x < 4; ++x) {
      for (int64_t c = 0; c < 3; ++c) EXPECT_EQ(cut.at(y, x, c), image.at(y, x + 2, c));
    }
  }
}

TEST(FitImage, CropIsTheMiddleOfTheImageScaledToCover) {
  const Image image = random_image(20, 60, 1, 8, 5);
  const Image whole = fit_image(image, 10, 30, Fit::kStretch);
  const Image cut = fit_image(image, 10, 10, Fit::kCrop);
  for (int64_t y = 0; y < 10; ++y) {
    for (int64_t x = 0; x < 10; ++x) EXPECT_EQ(cut.at(y, x, 0), whole.at(y, x + 10, 0));
  }
}

TEST(FitImage, PadNeverEnlargesAndSurroundsWithZero) {
  const Image image = random_image(2, 3, 4, 8, 6);
  const Image padded = fit_image(image, 5, 5, Fit::kPad);
  for (int64_t y = 0; y < 5; ++y) {
    for (int64_t x = 0; x < 5; ++x) {
      const bool inside = y >= 1 && y < 3 && x >= 1 && x < 4;
      // alpha comes back exactly; a colour may not where alpha is 0
      EXPECT_EQ(padded.at(y, x, 3), inside ? image.at(y - 1, x - 1, 3) : 0);
      if (!inside) {
        EXPECT_EQ(padded.at(y, x, 0), 0);
      }
    }
  }
}

TEST(FitImage, PadScalesDownUntilItFitsInside) {
  const Image padded = fit_image(constant_image(20, 40, {200}, 8), 10, 10, Fit::kPad);
  for (int64_t y = 0; y < 10; ++y) {
    for (int64_t x = 0; x < 10; ++x) EXPECT_EQ(padded.at(y, x, 0), y >= 2 && y < 7 ? 200 : 0);
  }
}

TEST(FitImage, TransparentPixelsLendNoColour) {
  // an opaque red pixel beside a transparent green one becomes a half transparent red one
  const Image image{1, 2, 4, 8, {255, 0, 0, 255, 0, 255, 0, 0}};
  EXPECT_EQ(fit_image(image, 1, 1, Fit::kStretch).samples, (std::vector<uint16_t>{255, 0, 0, 128}));
}

// Most memory that this process has had, in KiB.
int64_t peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(FitImage, AVeryLongImageTakesLittleMemory) {
  const Image wide = constant_image(1, 2'000'000, {9}, 8);
  const Image tall = transposed(wide);
  const int64_t before = peak_memory();
  EXPECT_EQ(fit_image(wide, 64, 64, Fit::kStretch).samples, constant_image(64, 64, {9}, 8).samples);
  EXPECT_EQ(fit_image(tall, 64, 64, Fit::kCrop).samples, constant_image(64, 64, {9}, 8).samples);
  // the wrong side first would make 64 float64 numbers of each pixel, a gigabyte
  EXPECT_LT(peak_memory() - before, 200'000);
}

std::vector<uint16_t> converted(const std::vector<uint16_t>& pixel, int64_t channels,
                                int bits = 8) {
  return convert_channels(constant_image(1, 1, pixel, bits), channels).samples;
}

using Pixel = std::vector<uint16_t>;

TEST(ConvertChannels, GrayIsRepeatedAndOpaque) {
  EXPECT_EQ(converted({77}, 3), (Pixel{77, 77, 77}));
  EXPECT_EQ(converted({77}, 4), (Pixel{77, 77, 77, 255}));
  EXPECT_EQ(converted({777}, 4, 16), (Pixel{777, 777, 777, 65535}));
  EXPECT_EQ(converted({1, 2, 3}, 4), (Pixel{1, 2, 3, 255}));
  EXPECT_EQ(converted({77, 50}, 4), (Pixel{77, 77, 77, 50}));
}

TEST(ConvertChannels, ColoursBecomeGrayByTheirLuma) {
  EXPECT_EQ(converted({255, 0, 0}, 1), (Pixel{76}));   // 0.299 * 255 = 76.2
  EXPECT_EQ(converted({0, 255, 0}, 1), (Pixel{150}));  // 0.587 * 255 = 149.7
  EXPECT_EQ(converted({0, 0, 255}, 1), (Pixel{29}));   // 0.114 * 255 = 29.1
  EXPECT_EQ(converted({0, 0, 65535}, 1, 16), (Pixel{7471}));
  for (uint16_t v = 0; v <= 255; ++v) EXPECT_EQ(converted({v, v, v}, 1), (Pixel{v}));
}

TEST(ConvertChannels, TransparencyIsLaidOverWhite) {
  EXPECT_EQ(converted({9, 8, 7, 0}, 3), (Pixel{255, 255, 255}));
  EXPECT_EQ(converted({9, 8, 7, 255}, 3), (Pixel{9, 8, 7}));
  EXPECT_EQ(converted({0, 100, 255, 128}, 3), (Pixel{127, 177, 255}));  // 127 + 128 c / 255
  EXPECT_EQ(converted({0, 128}, 1), (Pixel{127}));
  EXPECT_EQ(converted({0, 128}, 3), (Pixel{127, 127, 127}));
  EXPECT_EQ(converted({255, 0, 0, 128}, 1), (Pixel{165}));  // luma of 255, 127, 127: 165.3
  EXPECT_EQ(converted({0, 32768}, 1, 16), (Pixel{32767}));
}

TEST(ConvertChannels, RefusesOtherChannelsAndKeepsTheSame) {
  EXPECT_THROW(converted({1, 2, 3}, 2), InvalidArgument);
  EXPECT_EQ(converted({1, 2, 3, 0}, 4), (Pixel{1, 2, 3, 0}));
}

TEST(IsGray, LooksAtEveryPixelThatCanBeSeen) {
  EXPECT_TRUE(is_gray(constant_image(2, 2, {7}, 8)));
  EXPECT_TRUE(is_gray(constant_image(2, 2, {7, 0}, 8)));
  EXPECT_TRUE(is_gray(constant_image(2, 2, {7, 7, 7}, 16)));
  Image image = constant_image(2, 2, {7, 7, 7, 255}, 8);
  EXPECT_TRUE(is_gray(image));
  for (const int64_t c : {0, 1, 2}) {
    Image coloured = image;
    coloured.at(1, 1, c) = 8;
    EXPECT_FALSE(is_gray(coloured)) << c;
    coloured.at(1, 1, 3) = 0;  // no eye sees its colour
    EXPECT_TRUE(is_gray(coloured)) << c;
  }
}

TEST(MissingOpacity, IsSummedOverThePixels) {
  EXPECT_EQ(missing_opacity(constant_image(2, 2, {1, 2, 3}, 8)), 0.0);
  EXPECT_EQ(missing_opacity(constant_image(2, 2, {1, 255}, 8)), 0.0);
  EXPECT_EQ(missing_opacity(constant_image(2, 3, {1, 0}, 8)), 6.0);
  EXPECT_EQ(missing_opacity(constant_image(2, 2, {1, 255}, 16)), 4.0 * (65535 - 255) / 65535);
  Image image = constant_image(2, 2, {1, 2, 3, 255}, 8);
  image.at(1, 1, 3) = 204;  // four fifths
  EXPECT_EQ(missing_opacity(image), 0.2);
}

TEST(FitName, IsReadBack) {
  for (const Fit fit : {Fit::kNone, Fit::kCrop, Fit::kPad, Fit::kStretch}) {
    EXPECT_EQ(fit_from(name_of(fit)), fit);
  }
  EXPECT_EQ(complaint<InvalidArgument>([&] { fit_from("strech"); }),
            "fit: wanted none, crop, pad, stretch, got 'strech'; did you mean "
            "'stretch'?");
}

}  // namespace
}  // namespace ddpm
