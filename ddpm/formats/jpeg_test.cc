#include "ddpm/formats/jpeg.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/made_jpeg.h"

namespace ddpm {
namespace {

Image decode(const std::string& bytes) { return decode_jpeg(as_bytes(bytes), "test.jpg"); }

std::string error_of(const std::string& bytes) {
  return complaint<FormatError>([&] { decode(bytes); });
}

// Quality 100 keeps a flat area within three levels of each channel.
constexpr int kLoss = 3;

TEST(Jpeg, GrayAndColourAreReadWithTheirChannelsInOrder) {
  const Image gray = decode(made_jpeg({.components = 1, .space = JCS_GRAYSCALE}));
  EXPECT_EQ(gray.channels, 1);
  EXPECT_EQ(gray.height, 16);
  EXPECT_EQ(gray.width, 32);
  EXPECT_NEAR(gray.at(8, 4, 0), 0, kLoss);
  EXPECT_NEAR(gray.at(8, 28, 0), 60, kLoss);
  const Image colour = decode(made_jpeg({}));
  EXPECT_EQ(colour.channels, 3);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(colour.at(8, 28, c), 60 + 60 * c, kLoss);
}

TEST(Jpeg, ProgressiveFilesAreRead) {
  const Image image = decode(made_jpeg({.progressive = true}));
  EXPECT_NEAR(image.at(8, 28, 2), 180, kLoss);
}

TEST(Jpeg, InksBecomeColours) {
  // Adobe's inverted inks, which libjpeg writes: c, m, y and k are the light that is left, 60, 120,
  // 180 and 240 of 255; the colour is part * k / 255
  const Image image = decode(made_jpeg({.components = 4, .space = JCS_CMYK}));
  ASSERT_EQ(image.channels, 3);
  const double k = 240.0 / 255.0;
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(image.at(8, 28, c), (60 + 60 * c) * k, kLoss + 1);
  }
}

// As Adobe's programs do, and as Pillow reads them.
TEST(Jpeg, InksAreInvertedWithAndWithoutAdobesMarker) {
  const JpegOptions inks = {.components = 4, .space = JCS_CMYK};
  JpegOptions unmarked = inks;
  unmarked.no_adobe_marker = true;
  ASSERT_NE(made_jpeg(unmarked), made_jpeg(inks));
  EXPECT_EQ(decode(made_jpeg(unmarked)).samples, decode(made_jpeg(inks)).samples);
}

TEST(Jpeg, ATruncatedFileIsAnErrorNotGrayPixels) {
  const std::string file = made_jpeg({.width = 64, .height = 64});
  for (const size_t part : {2, 3, 4, 5, 8, 10}) {
    const std::string message = error_of(file.substr(0, file.size() * (part - 1) / part));
    EXPECT_EQ(message.rfind("test.jpg: ", 0), 0U) << part;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(Jpeg, WhatIsNoJpegIsSaidToBeNone) {
  EXPECT_EQ(error_of(""), "test.jpg: not a JPEG file");
  EXPECT_EQ(error_of("\x89PNG\r\n\x1a\n"), "test.jpg: not a JPEG file");
}

TEST(Jpeg, AnImageOfTooManyPixelsIsRefused) {
  std::string file = made_jpeg({.components = 1, .space = JCS_GRAYSCALE});
  const size_t frame = file.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  for (const size_t i : {5U, 7U}) file[frame + i] = '\xf0';  // 61456 x 61472
  EXPECT_NE(error_of(file).find("pixels"), std::string::npos) << error_of(file);
}

TEST(Jpeg, TheExifOrientationIsApplied) {
  const std::string tiff("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 26);
  const Image image = decode(made_jpeg(
      {.components = 1, .space = JCS_GRAYSCALE, .exif = std::string("Exif\0\0", 6) + tiff}));
  EXPECT_EQ(image.height, 32);
  EXPECT_EQ(image.width, 16);
  EXPECT_NEAR(image.at(4, 8, 0), 0, kLoss);  // the left half is now above
  EXPECT_NEAR(image.at(28, 8, 0), 60, kLoss);
}

TEST(Jpeg, AnExifThatIsDamagedIsPassedOver) {
  const Image image = decode(made_jpeg({.components = 1,
                                        .space = JCS_GRAYSCALE,
                                        .exif = std::string("Exif\0\0II*\0\xff\xff\xff\x7f", 14)}));
  EXPECT_EQ(image.width, 32);
}

}  // namespace
}  // namespace ddpm
