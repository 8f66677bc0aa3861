#include "ddpm/formats/png.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/exif_internal.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

Image ramp(int64_t height, int64_t width, int64_t channels, int bits) {
  Image image{height, width, channels, bits, {}};
  const int64_t values = bits == 8 ? 256 : 65536;
  for (int64_t i = 0; i < height * width * channels; ++i) {
    image.samples.push_back(static_cast<uint16_t>(i * 7 % values));
  }
  return image;
}

void expect_same(const Image& a, const Image& b) {
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.channels, b.channels);
  EXPECT_EQ(a.bits, b.bits);
  EXPECT_EQ(a.samples, b.samples);
}

Image decode(const std::string& bytes) { return decode_png(as_bytes(bytes), "test.png"); }

std::string error_of(const std::string& bytes) {
  return complaint<FormatError>([&] { decode(bytes); });
}

TEST(Png, EveryKindOfImageComesBackSampleForSample) {
  for (const int64_t channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      const Image image = ramp(5, 13, channels, bits);
      expect_same(decode(encode_png(image)), image);
    }
  }
}

TEST(Png, AllValuesOfEightAndSixteenBitsSurvive) {
  Image bytes{16, 16, 1, 8, {}};
  for (int v = 0; v < 256; ++v) bytes.samples.push_back(static_cast<uint16_t>(v));
  expect_same(decode(encode_png(bytes)), bytes);
  Image words{256, 256, 1, 16, {}};
  for (int v = 0; v < 65536; ++v) words.samples.push_back(static_cast<uint16_t>(v));
  expect_same(decode(encode_png(words)), words);
}

TEST(Png, TextComesBackAndTheSameInputGivesTheSameBytes) {
  const PngText text = {{"seed", "7"}, {"note", "caf\xc3\xa9 \xe2\x82\xac"}, {"empty", ""}};
  const std::string file = encode_png(ramp(2, 2, 3, 8), text);
  EXPECT_EQ(read_png_text(as_bytes(file), "x"), text);
  EXPECT_EQ(encode_png(ramp(2, 2, 3, 8), text), file);
}

TEST(Png, ACutAnywhereIsAnError) {
  const std::string file = encode_png(ramp(9, 9, 3, 8), {{"seed", "7"}});
  for (size_t length = 0; length < file.size(); length += 3) {
    EXPECT_NE(error_of(file.substr(0, length)), "") << length;
  }
}

TEST(Png, AChangedByteInThePixelsIsAnError) {
  std::string file = encode_png(ramp(9, 9, 3, 8));
  const size_t data = file.find("IDAT") + 10;
  file[data] = static_cast<char>(file[data] ^ 0x40);
  const std::string message = error_of(file);
  EXPECT_EQ(message.rfind("test.png: damaged PNG file: ", 0), 0U) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(Png, WhatIsNoPngIsSaidToBeNone) {
  EXPECT_EQ(error_of("GIF89a......"), "test.png: not a PNG file");
  EXPECT_EQ(error_of(""), "test.png: not a PNG file");
}

std::string big_endian(uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const auto sum =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<uint32_t>(data.size())) + body +
         big_endian(static_cast<uint32_t>(sum));
}

std::string header(uint32_t width, uint32_t height, int bits, int type) {
  return chunk("IHDR", big_endian(width) + big_endian(height) +
                           std::string{static_cast<char>(bits), static_cast<char>(type), 0, 0, 0});
}

std::string deflated(const std::string& rows) {
  std::string out(rows.size() + 100, '\0');
  uLongf size = out.size();
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(out.data()), &size,
                     reinterpret_cast<const Bytef*>(rows.data()), rows.size()),
            Z_OK);
  return out.substr(0, size);
}

const std::string kSignature = "\x89PNG\r\n\x1a\n";

// A file of these chunks between header and pixels.
std::string png_file(const std::string& head, const std::string& extra, const std::string& rows) {
  return kSignature + head + extra + chunk("IDAT", deflated(rows)) + chunk("IEND", "");
}

TEST(Png, AnImageOfTooManyPixelsIsRefusedBeforeItIsAllocated) {
  const std::string file = png_file(header(900000, 900000, 8, 2), "", "x");
  EXPECT_NE(error_of(file).find("100,000,000 pixels"), std::string::npos) << error_of(file);
}

TEST(Png, FewBitsOfGrayAreSpreadOverEight) {
  // one row of four 2-bit values: 0, 1, 2, 3
  const Image image = decode(png_file(header(4, 1, 2, 0), "", std::string("\0\x1b", 2)));
  EXPECT_EQ(image.bits, 8);
  EXPECT_EQ(image.samples, (std::vector<uint16_t>{0, 85, 170, 255}));
}

TEST(Png, APaletteBecomesColoursWithTheirAlpha) {
  const std::string palette = chunk("PLTE", "\x0a\x14\x1e\x28\x32\x3c");
  const std::string rows("\0\0\1", 3);
  const Image opaque = decode(png_file(header(2, 1, 8, 3), palette, rows));
  EXPECT_EQ(opaque.samples, (std::vector<uint16_t>{10, 20, 30, 40, 50, 60}));
  const Image clear = decode(png_file(header(2, 1, 8, 3), palette + chunk("tRNS", "\x07"), rows));
  EXPECT_EQ(clear.samples, (std::vector<uint16_t>{10, 20, 30, 7, 40, 50, 60, 255}));
}

TEST(Png, AnIndexBeyondThePaletteIsDamage) {
  const std::string palette = chunk("PLTE", "\x0a\x14\x1e\x28\x32\x3c");
  for (const int bits : {2, 4, 8}) {
    const std::string rows = std::string("\0", 1) + static_cast<char>(2 << (8 - bits));
    const std::string message = error_of(png_file(header(1, 1, bits, 3), palette, rows));
    EXPECT_NE(message.find("expected indices below 2, the colours of the palette, got 2"),
              std::string::npos)
        << message;
  }
}

TEST(Png, InterlacedPalettesAreSpread) {
  const std::string palette = chunk("PLTE", "\x0a\x14\x1e\x28\x32\x3c");
  // Adam7 of 2x2: pass 1 has pixel (0, 0), pass 6 (0, 1), pass 7 the second row
  const std::string head =
      chunk("IHDR", big_endian(2) + big_endian(2) + std::string("\1\3\0\0\1", 5));
  const Image image = decode(png_file(head, palette, std::string("\0\x80\0\0\0\x40", 6)));
  EXPECT_EQ(image.samples, (std::vector<uint16_t>{40, 50, 60, 10, 20, 30, 10, 20, 30, 40, 50, 60}));
}

// Pixels are what counts: what stands beside them may be anything.
TEST(Png, ChunksWithoutPixelsMayBeDamagedOrLarge) {
  const std::string rows("\0\1\2", 3);
  std::string wrong_sum = chunk("tIME", "seven b");
  wrong_sum.back() = static_cast<char>(wrong_sum.back() ^ 1);
  std::string wrong_exif = chunk("eXIf", "MM");
  wrong_exif.back() = static_cast<char>(wrong_exif.back() ^ 1);
  for (const std::string& extra :
       {wrong_sum, wrong_exif, chunk("iTXt", std::string(5'000'000, 'x')), chunk("iCCP", "p"),
        chunk("PLTE", "1234"), chunk("sPLT", std::string(100'000, 's'))}) {
    EXPECT_EQ(decode(png_file(header(2, 1, 8, 0), extra, rows)).samples,
              (std::vector<uint16_t>{1, 2}));
  }
}

TEST(Png, TransparencyThatIsDamagedIsAnError) {
  std::string transparent = chunk("tRNS", std::string("\0\1", 2));
  const std::string rows("\0\1\2", 3);
  EXPECT_EQ(decode(png_file(header(2, 1, 8, 0), transparent, rows)).samples,
            (std::vector<uint16_t>{1, 0, 2, 255}));
  transparent.back() = static_cast<char>(transparent.back() ^ 1);
  EXPECT_NE(error_of(png_file(header(2, 1, 8, 0), transparent, rows)), "");
  EXPECT_NE(error_of(png_file(header(2, 1, 8, 0), chunk("tRNS", "1"), rows)), "");
}

TEST(Png, AFewBytesOfManyIndicesAreRefused) {
  const std::string palette = chunk("PLTE", "123456") + chunk("tRNS", std::string(1, '\0'));
  const std::string rows(5'000 * 626, '\0');
  const std::string file = png_file(header(5'000, 5'000, 1, 3), palette, rows);  // about 3 KB
  const std::string padding = chunk("abCd", std::string(600'000, 'x'));
  for (const std::string& one :
       {file, file + padding, png_file(header(5'000, 5'000, 1, 3), palette + padding, rows)}) {
    EXPECT_NE(error_of(one).find("expected at least 519,106 bytes"), std::string::npos)
        << error_of(one);
  }
}

TEST(Png, AnOrientationInItsExifIsApplied) {
  // TIFF header, one entry: orientation (0x0112), SHORT, 1 value: 6, a quarter turn
  const std::string exif("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0", 26);
  const Image image =
      decode(png_file(header(2, 1, 8, 0), chunk("eXIf", exif), std::string("\0\x01\x02", 3)));
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 1);
  EXPECT_EQ(image.samples, (std::vector<uint16_t>{1, 2}));
}

TEST(Orientation, EachOfTheEightTurnsTheFirstRowAndColumnWhereTheStandardSays) {
  // EXIF 2.3, tag 274: where the stored row 0 and column 0 lie in the upright picture. The stored
  // image is
  //   1 2 3
  //   4 5 6
  Image stored{2, 3, 1, 8, {1, 2, 3, 4, 5, 6}};
  const std::vector<std::vector<uint16_t>> upright = {
      {1, 2, 3, 4, 5, 6},  // 1: row 0 top, column 0 left
      {3, 2, 1, 6, 5, 4},  // 2: top, right
      {6, 5, 4, 3, 2, 1},  // 3: bottom, right
      {4, 5, 6, 1, 2, 3},  // 4: bottom, left
      {1, 4, 2, 5, 3, 6},  // 5: row 0 left, column 0 top
      {4, 1, 5, 2, 6, 3},  // 6: right, top
      {6, 3, 5, 2, 4, 1},  // 7: right, bottom
      {3, 6, 2, 5, 1, 4},  // 8: left, bottom
  };
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image image = apply_orientation(stored, orientation);
    EXPECT_EQ(image.samples, upright[static_cast<size_t>(orientation - 1)]) << orientation;
    EXPECT_EQ(image.height, orientation <= 4 ? 2 : 3);
  }
  expect_same(apply_orientation(stored, 9), stored);
}

std::string complaint_about(const std::string& hostile_file) {
  return error_of(read_file(
      std::filesystem::path(DDPM_SOURCE_DIR) / "tests/hostile/formats/png" / hostile_file, 1000));
}

// 71 bytes whose header says 10000x10000 pixels of 8 bytes. They must be refused for that, and not
// for ending too early once a gigabyte was made ready for them.
TEST(Png, AFewBytesCannotAskForAGigabyte) {
  const std::string text = complaint_about("sixty_bytes_of_a_gigabyte");
  EXPECT_NE(text.find("expected at least"), std::string::npos) << text;
}

// libpng would make room for such a chunk before it looked for its bytes, and then say that the
// file ends too early.
TEST(Png, AChunkCannotBeLongerThanTheFile) {
  const std::string text = complaint_about("text_of_two_gigabytes");
  EXPECT_NE(text.find("the file ends within a chunk"), std::string::npos) << text;
}

// A thousand compressed texts could be four megabytes each.
TEST(Png, MoreTextsThanAllowedAreLeftOut) {
  std::string texts;
  for (int i = 0; i < 1000; ++i) texts += chunk("tEXt", concat("key", i) + '\0' + "value");
  const std::string file = png_file(header(2, 1, 8, 0), texts, std::string("\0\1\2", 3));
  EXPECT_EQ(decode(file).samples, (std::vector<uint16_t>{1, 2}));
  const size_t kept = read_png_text(as_bytes(file), "x").size();
  EXPECT_GT(kept, 50U);
  EXPECT_LT(kept, 65U);
}

TEST(Png, RefusesToWriteWhatDoesNotFitTogether) {
  Image image = ramp(2, 2, 1, 8);
  image.samples.pop_back();
  EXPECT_THROW(encode_png(image), InvalidArgument);
  EXPECT_THROW(encode_png(ramp(2, 2, 1, 8), {{"", "no key"}}), InvalidArgument);
}

// An image that was cut off or spoiled still shows whose it is.
TEST(Png, TextInFrontOfThePixelsIsReadWhateverBecameOfThem) {
  const Image image = ramp(9, 7, 3, 8);
  const PngText text = {{"chain", "0123"}, {"seed", "7"}};
  const std::string whole = encode_png(image, text);
  const size_t pixels = whole.find("IDAT") - 4;
  for (size_t size = pixels + 12; size <= whole.size(); ++size) {
    EXPECT_EQ(read_png_head_text(as_bytes(whole.substr(0, size)), "x"), text) << size;
  }
  std::string spoiled = whole;
  spoiled[pixels + 12] = static_cast<char>(spoiled[pixels + 12] ^ 1);
  EXPECT_EQ(read_png_head_text(as_bytes(spoiled), "x"), text);
  for (size_t size = 0; size < pixels + 12; ++size) {
    EXPECT_THROW(read_png_head_text(as_bytes(whole.substr(0, size)), "x"), FormatError) << size;
  }
}

}  // namespace
}  // namespace ddpm
