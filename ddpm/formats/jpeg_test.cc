#include "ddpm/formats/jpeg.h"

#include <gtest/gtest.h>
#include <jpeglib.h>

#include <cstdio>  // before jpeglib.h, which needs FILE
#include <cstdlib>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"

namespace ddpm {
namespace {

// A JPEG file of one colour but for its left half, which is black; `exif` goes into an APP1 marker.
std::string made_jpeg(int width, int height, int components, J_COLOR_SPACE space,
                      const std::string& exif = "", bool progressive = false) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.input_components = components;
  jpeg.in_color_space = space;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  if (!exif.empty()) {
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()),
                      static_cast<unsigned int>(exif.size()));
  }
  std::vector<JSAMPLE> row;
  for (int x = 0; x < width; ++x) {
    for (int c = 0; c < components; ++c) {
      row.push_back(static_cast<JSAMPLE>(x < width / 2 ? 0 : 60 + 60 * c));
    }
  }
  JSAMPROW pointer = row.data();
  while (jpeg.next_scanline < jpeg.image_height) jpeg_write_scanlines(&jpeg, &pointer, 1);
  jpeg_finish_compress(&jpeg);
  std::string bytes(reinterpret_cast<char*>(memory), size);
  jpeg_destroy_compress(&jpeg);
  std::free(memory);
  return bytes;
}

Image decode(const std::string& bytes) { return decode_jpeg(as_bytes(bytes), "test.jpg"); }

std::string complaint(const std::string& bytes) {
  try {
    decode(bytes);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

// Quality 100 keeps a flat area within three levels of each channel.
constexpr int kLoss = 3;

TEST(Jpeg, GrayAndColourAreReadWithTheirChannelsInOrder) {
  const Image gray = decode(made_jpeg(32, 16, 1, JCS_GRAYSCALE));
  EXPECT_EQ(gray.channels, 1);
  EXPECT_EQ(gray.height, 16);
  EXPECT_EQ(gray.width, 32);
  EXPECT_NEAR(gray.at(8, 4, 0), 0, kLoss);
  EXPECT_NEAR(gray.at(8, 28, 0), 60, kLoss);
  const Image colour = decode(made_jpeg(32, 16, 3, JCS_RGB));
  EXPECT_EQ(colour.channels, 3);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(colour.at(8, 28, c), 60 + 60 * c, kLoss);
}

TEST(Jpeg, ProgressiveFilesAreRead) {
  const Image image = decode(made_jpeg(32, 16, 3, JCS_RGB, "", true));
  EXPECT_NEAR(image.at(8, 28, 2), 180, kLoss);
}

TEST(Jpeg, InksBecomeColours) {
  // Adobe's inverted inks, which libjpeg writes: c, m, y and k are the light that is left, 60, 120,
  // 180 and 240 of 255; the colour is part * k / 255
  const Image image = decode(made_jpeg(32, 16, 4, JCS_CMYK));
  ASSERT_EQ(image.channels, 3);
  const double k = 240.0 / 255.0;
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(image.at(8, 28, c), (60 + 60 * c) * k, kLoss + 1);
  }
}

TEST(Jpeg, ATruncatedFileIsAnErrorNotGrayPixels) {
  const std::string file = made_jpeg(64, 64, 3, JCS_RGB);
  for (const size_t part : {2, 3, 4, 5, 8, 10}) {
    const std::string said = complaint(file.substr(0, file.size() * (part - 1) / part));
    EXPECT_EQ(said.rfind("test.jpg: ", 0), 0U) << part;
    EXPECT_EQ(said.find('\n'), std::string::npos);
  }
  EXPECT_NE(complaint(file.substr(0, file.size() - 2)), "") << "the end marker is missing";
}

TEST(Jpeg, WhatIsNoJpegIsSaidToBeNone) {
  EXPECT_EQ(complaint(""), "test.jpg: not a JPEG file");
  EXPECT_EQ(complaint("\x89PNG\r\n\x1a\n"), "test.jpg: not a JPEG file");
}

TEST(Jpeg, AnImageOfTooManyPixelsIsRefused) {
  std::string file = made_jpeg(16, 16, 1, JCS_GRAYSCALE);
  const size_t frame = file.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  for (size_t i = 0; i < 4; ++i) file[frame + 5 + i] = '\xff';  // 65535 x 65535
  EXPECT_NE(complaint(file).find("pixels"), std::string::npos) << complaint(file);
}

TEST(Jpeg, TheExifOrientationIsApplied) {
  const std::string tiff("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 26);
  const Image image =
      decode(made_jpeg(32, 16, 1, JCS_GRAYSCALE, std::string("Exif\0\0", 6) + tiff));
  EXPECT_EQ(image.height, 32);
  EXPECT_EQ(image.width, 16);
  EXPECT_NEAR(image.at(4, 8, 0), 0, kLoss);  // the left half is now above
  EXPECT_NEAR(image.at(28, 8, 0), 60, kLoss);
}

TEST(Jpeg, AnExifThatIsDamagedIsPassedOver) {
  const Image image =
      decode(made_jpeg(32, 16, 1, JCS_GRAYSCALE, std::string("Exif\0\0II*\0\xff\xff\xff\x7f", 14)));
  EXPECT_EQ(image.width, 32);
}

}  // namespace
}  // namespace ddpm
