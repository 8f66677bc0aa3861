#include "ddpm/formats/bmp.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

using namespace std::string_literals;
using Samples = std::vector<uint16_t>;

std::string little(uint32_t value, size_t bytes) {
  std::string text;
  for (; text.size() < bytes; value >>= 8) text += static_cast<char>(value);
  return text;
}

// A file with an info header of 40 bytes; `tables` are its masks or palette.
std::string bmp(int32_t width, int32_t height, int bits, uint32_t compression,
                const std::string& tables, const std::string& pixels, uint32_t colours = 0) {
  const std::string info = little(40, 4) + little(static_cast<uint32_t>(width), 4) +
                           little(static_cast<uint32_t>(height), 4) + little(1, 2) +
                           little(static_cast<uint32_t>(bits), 2) + little(compression, 4) +
                           little(0, 12) + little(colours, 4) + little(0, 4);
  const auto offset = static_cast<uint32_t>(14 + info.size() + tables.size());
  return "BM" + little(offset + static_cast<uint32_t>(pixels.size()), 4) + little(0, 4) +
         little(offset, 4) + info + tables + pixels;
}

const std::string kPalette =
    "\x1e\x14\x0a\0\x3c\x32\x28\0\x5a\x50\x46\0"s;  // 10 20 30, 40 50 60, 70 80 90

Image decode(const std::string& bytes) { return decode_bmp(as_bytes(bytes), "test.bmp"); }

std::string error_of(const std::string& bytes) {
  return complaint<FormatError>([&] { decode(bytes); });
}

TEST(Bmp, RowsComeFromTheBottomOrTheTop) {
  const std::string rows = "\3\2\1\0"s + "\6\5\4\0"s;  // blue, green, red, padding
  EXPECT_EQ(decode(bmp(1, 2, 24, 0, "", rows)).samples, (Samples{4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(decode(bmp(1, -2, 24, 0, "", rows)).samples, (Samples{1, 2, 3, 4, 5, 6}));
}

TEST(Bmp, IndicesOfEachWidthAreLookedUp) {
  EXPECT_EQ(decode(bmp(3, 1, 1, 0, kPalette.substr(0, 8), "\x40\0\0\0"s)).samples,
            (Samples{10, 20, 30, 40, 50, 60, 10, 20, 30}));
  EXPECT_EQ(decode(bmp(2, 1, 2, 0, kPalette, "\x90\0\0\0"s, 3)).samples,
            (Samples{70, 80, 90, 40, 50, 60}));
  EXPECT_EQ(decode(bmp(2, 1, 4, 0, kPalette, "\x20\0\0\0"s, 3)).samples,
            (Samples{70, 80, 90, 10, 20, 30}));
  EXPECT_EQ(decode(bmp(1, 1, 8, 0, kPalette, "\1\0\0\0"s, 3)).samples, (Samples{40, 50, 60}));
}

TEST(Bmp, APaletteOfGraysIsGray) {
  const Image image = decode(bmp(2, 1, 8, 0, "\5\5\5\0\7\7\7\0"s, "\1\0\0\0"s, 2));
  EXPECT_EQ(image.channels, 1);
  EXPECT_EQ(image.samples, (Samples{7, 5}));
}

TEST(Bmp, AnIndexBeyondThePaletteIsDamage) {
  expect_contains(error_of(bmp(1, 1, 8, 0, kPalette, "\3\0\0\0"s, 3)),
                  "test.bmp: damaged: expected indices below 3");
}

TEST(Bmp, MasksGiveEachChannelItsBits) {
  // 5, 6, 5 bits: 31, 32 of 63 and 0
  EXPECT_EQ(decode(bmp(1, 1, 16, 3, little(0xf800, 4) + little(0x7e0, 4) + little(0x1f, 4),
                       little(0xfc00, 4)))
                .samples,
            (Samples{255, 130, 0}));
  // without masks 5 bits each
  EXPECT_EQ(decode(bmp(1, 1, 16, 0, "", little(0x7c1f, 4))).samples, (Samples{255, 0, 255}));
  const std::string masks = little(0xff, 4) + little(0xff00, 4) + little(0xff0000, 4);
  EXPECT_EQ(decode(bmp(1, 1, 32, 3, masks, "\1\2\3\4")).samples, (Samples{1, 2, 3}));
}

TEST(Bmp, AlphaIsWhatAMaskSelects) {
  const std::string masks =
      little(0xff, 4) + little(0xff00, 4) + little(0xff0000, 4) + little(0xff000000, 4);
  EXPECT_EQ(decode(bmp(1, 1, 32, 6, masks, "\1\2\3\4")).samples, (Samples{1, 2, 3, 4}));
  EXPECT_EQ(decode(bmp(1, 1, 32, 6, masks, "\1\2\3\0"s)).samples, (Samples{1, 2, 3}));
  EXPECT_EQ(decode(bmp(1, 1, 32, 0, "", "\3\2\1\4")).samples, (Samples{1, 2, 3}));
}

TEST(Bmp, RunLengthsOf8BitsAreRead) {
  // three times 1; end of row; as they are 2 0 2 and a padding; end
  const std::string runs = "\3\1\0\0\0\3\2\0\2\0\0\1"s;
  EXPECT_EQ(decode(bmp(3, 2, 8, 1, kPalette, runs, 3)).samples,
            (Samples{70, 80, 90, 10, 20, 30, 70, 80, 90,  //
                     40, 50, 60, 40, 50, 60, 40, 50, 60}));
}

TEST(Bmp, RunLengthsOf4BitsAlternate) {
  // 1 2 1; move by two columns and no row is beyond, so the next row: 2
  const std::string runs = "\3\x12\0\0\0\2\1\0\1\x20\0\1"s;
  const Image image = decode(bmp(3, 2, 4, 2, kPalette, runs, 3));
  EXPECT_EQ(image.at(1, 0, 0), 40);
  EXPECT_EQ(image.at(1, 1, 0), 70);
  EXPECT_EQ(image.at(1, 2, 0), 40);
  EXPECT_EQ(image.at(0, 0, 0), 10) << "passed over";
  EXPECT_EQ(image.at(0, 1, 0), 70);
}

TEST(Bmp, MissingRowsAreDamage) {
  const std::string file = bmp(3, 2, 24, 0, "", std::string(24, '\1'));
  EXPECT_EQ(error_of(file.substr(0, file.size() - 3)), "") << "only padding is missing";
  for (size_t size = 0; size < file.size() - 3; ++size) {
    EXPECT_NE(error_of(file.substr(0, size)), "") << size;
  }
  expect_contains(error_of(bmp(3, 2, 8, 1, kPalette, "\3\1\0\0"s, 3)), "truncated");
  EXPECT_EQ(error_of(bmp(3, 1, 8, 1, kPalette, "\3\1"s, 3)), "")
      << "only the end's mark is missing";
}

TEST(Bmp, OtherKindsAreRefusedByName) {
  expect_contains(error_of(bmp(1, 1, 24, 4, "", "\1\2\3\0"s)), "got compression 4");
  expect_contains(error_of(bmp(1, 1, 7, 0, "", "\1\2\3\0"s)), "bits per pixel, got 7");
  EXPECT_EQ(error_of("BM"), "test.bmp: not a BMP file");
}

TEST(Bmp, SizesAreCheckedBeforeTheyAreAllocated) {
  expect_contains(error_of(bmp(INT32_MAX, INT32_MIN, 24, 0, "", "")), "pixels, got 2147483648x");
  expect_contains(error_of(bmp(9000, 9000, 8, 1, kPalette, "\0\1"s, 3)), "expected at least");
  // an end at once, and the ends of many rows, with bytes behind them that are not read
  const std::string padding(2'000'000, '\0');
  expect_contains(error_of(bmp(9000, 9000, 8, 1, kPalette, "\0\1"s + padding, 3)),
                  "expected at least");
  expect_contains(error_of(bmp(9000, 9000, 8, 1, kPalette, padding, 3)), "expected at least");
  expect_contains(error_of(bmp(-5, 1, 24, 0, "", "")), "at least one pixel, got 1x-5");
}

TEST(Bmp, TheFirstHeadersOfOs2AreRead) {
  const std::string file = "BM" + little(0, 8) + little(14 + 12 + 6, 4) + little(12, 4) +
                           little(1, 2) + little(1, 2) + little(1, 2) + little(1, 2) +
                           "\x1e\x14\x0a\x3c\x32\x28" + "\x80\0\0\0"s;
  EXPECT_EQ(decode(file).samples, (Samples{40, 50, 60}));
}

}  // namespace
}  // namespace ddpm
