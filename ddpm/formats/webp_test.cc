#include "ddpm/formats/webp.h"

#include <gtest/gtest.h>
#include <webp/encode.h>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

using namespace std::string_literals;

std::string little(size_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::vector<uint8_t> ramp(int height, int width, int channels) {
  std::vector<uint8_t> pixels;
  for (int i = 0; i < height * width * channels; ++i) {
    const bool alpha = channels == 4 && i % 4 == 3;
    pixels.push_back(static_cast<uint8_t>(alpha ? 255 - i % 50 : i * 7));
  }
  return pixels;
}

std::string lossless(int height, int width, int channels) {
  const std::vector<uint8_t> pixels = ramp(height, width, channels);
  uint8_t* out = nullptr;
  const size_t size = channels == 4
                          ? WebPEncodeLosslessRGBA(pixels.data(), width, height, width * 4, &out)
                          : WebPEncodeLosslessRGB(pixels.data(), width, height, width * 3, &out);
  std::string file(reinterpret_cast<char*>(out), size);
  WebPFree(out);
  return file;
}

std::string chunk(const std::string& name, const std::string& data) {
  return name + little(data.size(), 4) + data + std::string(data.size() % 2, '\0');
}

std::string riff(const std::string& chunks) {
  return "RIFF" + little(chunks.size() + 4, 4) + "WEBP" + chunks;
}

// The header of a file with more than pixels: its features' bits and its canvas.
std::string features(int bits, int height, int width) {
  return chunk("VP8X", little(static_cast<size_t>(bits), 4) +
                           little(static_cast<size_t>(width - 1), 3) +
                           little(static_cast<size_t>(height - 1), 3));
}

Image decode(const std::string& bytes) { return decode_webp(as_bytes(bytes), "test.webp"); }

std::string error_of(const std::string& bytes) {
  return complaint<FormatError>([&] { decode(bytes); });
}

TEST(Webp, PixelsComeBackWithAndWithoutAlpha) {
  for (const int channels : {3, 4}) {
    const Image image = decode(lossless(5, 7, channels));
    const std::vector<uint8_t> pixels = ramp(5, 7, channels);
    EXPECT_EQ(image.channels, channels);
    EXPECT_EQ(image.height, 5);
    EXPECT_EQ(image.width, 7);
    EXPECT_EQ(image.samples, std::vector<uint16_t>(pixels.begin(), pixels.end()));
  }
}

TEST(Webp, LossyFilesAreRead) {
  const std::vector<uint8_t> pixels(16 * 16 * 3, 100);
  uint8_t* out = nullptr;
  const size_t size = WebPEncodeRGB(pixels.data(), 16, 16, 48, 90, &out);
  const Image image = decode(std::string(reinterpret_cast<char*>(out), size));
  WebPFree(out);
  EXPECT_EQ(image.channels, 3);
  EXPECT_NEAR(image.at(8, 8, 1), 100, 2);
}

TEST(Webp, TheOrientationInItsExifIsApplied) {
  const std::string exif = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"s;
  for (const std::string& data : {exif, "Exif\0\0"s + exif}) {
    const Image image =
        decode(riff(features(8, 5, 7) + lossless(5, 7, 3).substr(12) + chunk("EXIF", data)));
    EXPECT_EQ(image.height, 7);
    EXPECT_EQ(image.at(0, 4, 0), 0) << "the first pixel is now at the right";
  }
}

TEST(Webp, OfAnAnimationTheFirstFrameLiesOnItsCanvas) {
  // a frame of 2x2 at row 2, column 4 of 6x8
  const auto frame = [](int channels) {
    return chunk("ANMF", little(2, 3) + little(1, 3) + little(1, 3) + little(1, 3) + little(0, 4) +
                             lossless(2, 2, channels).substr(12));
  };
  const Image image =
      decode(riff(features(2, 6, 8) + chunk("ANIM", std::string(6, '\0')) + frame(3) + frame(4)));
  EXPECT_EQ(image.channels, 4);
  EXPECT_EQ(image.height, 6);
  EXPECT_EQ(image.width, 8);
  EXPECT_EQ(image.at(3, 4, 0), ramp(2, 2, 3)[6]);
  EXPECT_EQ(image.at(3, 4, 3), 255);
  EXPECT_EQ(image.at(0, 0, 3), 0);
}

TEST(Webp, ACutAnywhereIsAnError) {
  const std::string file = lossless(9, 9, 3);
  for (size_t size = 0; size < file.size() - 1; ++size) {
    EXPECT_NE(error_of(file.substr(0, size)), "") << size;
  }
}

TEST(Webp, AFewBytesOfManyPixelsAreRefused) {
  std::string file = lossless(16, 16, 3);
  const size_t header = file.find("VP8L") + 9;  // behind its length and the byte 0x2f
  file.replace(header, 4, little(16382 | 5000 << 14, 4));
  expect_contains(error_of(file), "test.webp: expected at least");
  const std::string padded = riff(file.substr(12) + chunk("XTRA", std::string(2'000'000, 'x')));
  expect_contains(error_of(padded), "test.webp: expected at least");
  EXPECT_EQ(error_of("RIFF"), "test.webp: not a WebP file");
}

}  // namespace
}  // namespace ddpm
