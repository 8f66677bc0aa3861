#include "ddpm/formats/tiff.h"

#include <gtest/gtest.h>
#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

using Samples = std::vector<uint16_t>;

// A file in memory that libtiff writes.
struct Memory {
  std::string bytes;
  size_t place = 0;
};

tmsize_t read(thandle_t, void*, tmsize_t) { return 0; }

tmsize_t write(thandle_t handle, void* data, tmsize_t count) {
  auto* memory = static_cast<Memory*>(handle);
  const auto size = static_cast<size_t>(count);
  memory->bytes.resize(std::max(memory->bytes.size(), memory->place + size));
  std::memcpy(memory->bytes.data() + memory->place, data, size);
  memory->place += size;
  return count;
}

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  auto* memory = static_cast<Memory*>(handle);
  if (whence == SEEK_SET) memory->place = offset;
  if (whence == SEEK_CUR) memory->place += offset;
  if (whence == SEEK_END) memory->place = memory->bytes.size() + offset;
  return memory->place;
}

int close_memory(thandle_t) { return 0; }
toff_t size_of(thandle_t handle) { return static_cast<Memory*>(handle)->bytes.size(); }

struct Options {
  uint32_t height = 5;
  uint32_t width = 20;
  uint16_t bits = 8;
  uint16_t samples = 3;
  uint16_t photometric = PHOTOMETRIC_RGB;
  uint16_t compression = COMPRESSION_NONE;
  uint16_t planes = PLANARCONFIG_CONTIG;
  uint16_t orientation = 1;
  uint16_t alpha = 0;
  bool tiled = false;
  std::function<void(TIFF*)> more = {};
};

size_t row_bytes(const Options& options, size_t columns) {
  return (columns * options.bits * (options.planes == 2 ? 1 : options.samples) + 7) / 8;
}

// Rows of bytes i * 7 for i = 0, 1, .. in the file's order.
std::string made_tiff(const Options& options) {
  Memory memory;
  TIFF* tiff = TIFFClientOpen("made", "w", &memory, read, write, seek, close_memory, size_of,
                              nullptr, nullptr);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, options.height);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, options.width);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, options.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, options.samples);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, options.photometric);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, options.compression);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, options.planes);
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, options.orientation);
  if (options.alpha != 0) TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &options.alpha);
  if (options.more) options.more(tiff);
  const uint16_t planes = options.planes == PLANARCONFIG_SEPARATE ? options.samples : 1;
  uint8_t next = 0;
  const auto filled = [&](size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(next += 7);
    return bytes;
  };
  if (options.tiled) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
    for (uint32_t left = 0; left < options.width; left += 16) {
      std::string tile = filled(row_bytes(options, 16) * 16);
      TIFFWriteTile(tiff, tile.data(), left, 0, 0, 0);
    }
  } else {
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 2);
    for (uint16_t plane = 0; plane < planes; ++plane) {
      for (uint32_t y = 0; y < options.height; ++y) {
        std::string row = filled(row_bytes(options, options.width));
        TIFFWriteScanline(tiff, row.data(), y, plane);
      }
    }
  }
  TIFFClose(tiff);
  return memory.bytes;
}

Image decode(const std::string& bytes) { return decode_tiff(as_bytes(bytes), "test.tif"); }

std::string error_of(const std::string& bytes) {
  return complaint<FormatError>([&] { decode(bytes); });
}

uint16_t byte_number(int64_t index) { return static_cast<uint16_t>((index + 1) * 7 % 256); }

TEST(Tiff, EachCompressionGivesTheSamePixels) {
  Samples expected;
  for (int64_t i = 0; i < 5 * 20 * 3; ++i) expected.push_back(byte_number(i));
  for (const int compression : {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                COMPRESSION_DEFLATE, COMPRESSION_PACKBITS}) {
    const Image image = decode(made_tiff({.compression = static_cast<uint16_t>(compression)}));
    EXPECT_EQ(image.channels, 3);
    EXPECT_EQ(image.bits, 8);
    EXPECT_EQ(image.samples, expected) << compression;
  }
}

TEST(Tiff, SixteenBitsStaySixteen) {
  const Image image =
      decode(made_tiff({.bits = 16, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK}));
  EXPECT_EQ(image.bits, 16);
  EXPECT_EQ(image.samples[1], byte_number(2) | byte_number(3) << 8);
}

TEST(Tiff, FewBitsBecomeEightAndWhiteMayBeZero) {
  Options options{.height = 1, .width = 8, .bits = 1, .samples = 1};
  options.photometric = PHOTOMETRIC_MINISBLACK;
  const Samples black = {0, 0, 0, 0, 0, 255, 255, 255};  // the byte 7
  EXPECT_EQ(decode(made_tiff(options)).samples, black);
  options.photometric = PHOTOMETRIC_MINISWHITE;
  Samples white;
  for (const uint16_t sample : black) white.push_back(static_cast<uint16_t>(255 - sample));
  EXPECT_EQ(decode(made_tiff(options)).samples, white);
  options = {.height = 1, .width = 2, .bits = 4, .samples = 1};
  options.photometric = PHOTOMETRIC_MINISBLACK;
  EXPECT_EQ(decode(made_tiff(options)).samples, (Samples{0, 7 * 17}));
}

TEST(Tiff, PalettesAreLookedUp) {
  std::vector<uint16_t> map(16);
  for (size_t i = 0; i < map.size(); ++i) map[i] = static_cast<uint16_t>(i * 0x1011);
  Options options{.height = 1, .width = 2, .bits = 4, .samples = 1};
  options.photometric = PHOTOMETRIC_PALETTE;
  options.more = [&](TIFF* tiff) {
    TIFFSetField(tiff, TIFFTAG_COLORMAP, map.data(), map.data(), map.data());
  };
  EXPECT_EQ(decode(made_tiff(options)).samples, (Samples{0, 0, 0, 0x70, 0x70, 0x70}));
  for (size_t i = 0; i < map.size(); ++i) map[i] = static_cast<uint16_t>(i * 3);
  EXPECT_EQ(decode(made_tiff(options)).samples, (Samples{0, 0, 0, 21, 21, 21})) << "8 bits each";
}

TEST(Tiff, SeparatePlanesAreJoined) {
  const Image image = decode(made_tiff({.planes = PLANARCONFIG_SEPARATE}));
  for (int64_t c = 0; c < 3; ++c) {
    EXPECT_EQ(image.at(4, 19, c), byte_number(c * 100 + 99)) << c;
  }
}

TEST(Tiff, TilesAreJoinedWithoutTheirPadding) {
  const Image image = decode(made_tiff({.tiled = true}));
  EXPECT_EQ(image.width, 20);
  EXPECT_EQ(image.at(4, 15, 2), byte_number((4 * 16 + 15) * 3 + 2));
  EXPECT_EQ(image.at(4, 19, 0), byte_number(16 * 16 * 3 + (4 * 16 + 3) * 3));
}

TEST(Tiff, ColoursAreDividedByAnAlphaThatMultipliedThem) {
  Options options{.height = 1, .width = 1, .samples = 2, .alpha = EXTRASAMPLE_UNASSALPHA};
  options.photometric = PHOTOMETRIC_MINISBLACK;
  EXPECT_EQ(decode(made_tiff(options)).samples, (Samples{7, 14}));
  options.alpha = EXTRASAMPLE_ASSOCALPHA;
  EXPECT_EQ(decode(made_tiff(options)).samples, (Samples{128, 14})) << "7 / 14 of 255";
}

TEST(Tiff, TheOrientationIsApplied) {
  const Image image = decode(made_tiff({.orientation = 6}));
  EXPECT_EQ(image.height, 20);
  EXPECT_EQ(image.at(0, 4, 0), byte_number(0));
}

TEST(Tiff, CmykIsConverted) {
  const Image image = decode(
      made_tiff({.height = 1, .width = 1, .samples = 4, .photometric = PHOTOMETRIC_SEPARATED}));
  ASSERT_EQ(image.channels, 3);
  EXPECT_NEAR(image.at(0, 0, 0), (255 - 7) * (255 - 28) / 255, 1);
}

TEST(Tiff, OfSeveralPagesTheFirstIsRead) {
  const std::string one = made_tiff({});
  const std::string two = made_tiff(
      {.more = [](TIFF* tiff) { TIFFSetField(tiff, TIFFTAG_SUBFILETYPE, FILETYPE_PAGE); }});
  EXPECT_EQ(decode(two).samples, decode(one).samples);
}

// Pixels come before the tags in these files: a cut loses the page.
TEST(Tiff, ACutAnywhereIsAnError) {
  for (const int compression : {COMPRESSION_NONE, COMPRESSION_LZW}) {
    const std::string file = made_tiff({.compression = static_cast<uint16_t>(compression)});
    for (size_t size = 0; size < file.size() - 30; size += 3) {
      EXPECT_NE(error_of(file.substr(0, size)), "") << size;
    }
  }
}

TEST(Tiff, ADamagedStripIsAnError) {
  for (const int compression : {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE}) {
    std::string file = made_tiff({.compression = static_cast<uint16_t>(compression)});
    std::fill_n(file.begin() + 20, 30, '\xff');
    const std::string line = error_of(file);
    EXPECT_EQ(line.rfind("test.tif: damaged TIFF file: ", 0), 0U) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

TEST(Tiff, OtherSamplesAndCompressionsAreRefusedByName) {
  expect_contains(
      error_of(made_tiff(
          {.bits = 32,
           .more =
               [](TIFF* tiff) { TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP); }})),
      "expected unsigned samples, got sample format 3; convert it to PNG");
  expect_contains(error_of(made_tiff({.bits = 32})), "8 or 16 bits per sample, got 32");
  if (TIFFIsCODECConfigured(COMPRESSION_LZMA) != 0) {
    expect_contains(error_of(made_tiff({.compression = COMPRESSION_LZMA})),
                    "got compression 34925");
  }
  EXPECT_EQ(error_of("II*"), "test.tif: not a TIFF file");
}

// The tags of a page, little-endian; each is a tag and a number of 32 bits.
std::string page_of(const std::vector<std::pair<uint16_t, uint32_t>>& tags) {
  const auto little = [](uint32_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
    return text;
  };
  std::string file =
      std::string("II*\0\x08\0\0\0", 8) + little(static_cast<uint32_t>(tags.size()), 2);
  for (const auto& [tag, value] : tags)
    file += little(tag, 2) + little(4, 2) + little(1, 4) + little(value, 4);
  return file + little(0, 4);
}

TEST(Tiff, SizesAreCheckedBeforeTheyAreAllocated) {
  expect_contains(error_of(page_of({{256, 60'000}, {257, 60'000}, {273, 8}, {279, 8}})),
                  "expected at most 100,000,000 pixels");
  expect_contains(error_of(page_of({{256, 9'000}, {257, 9'000}, {273, 8}, {279, 8}})),
                  "expected at least");
  // 5: LZW; of rows that are not compressed libtiff corrects the table
  const std::string padding(2'000'000, 'x');
  expect_contains(
      error_of(page_of({{256, 9'000}, {257, 9'000}, {259, 5}, {273, 8}, {279, 8}}) + padding),
      "expected at least");
  // a tile of a terabyte, and a strip for each of many rows
  expect_contains(
      error_of(page_of({{256, 1}, {257, 1}, {322, 1 << 20}, {323, 1 << 20}, {324, 8}, {325, 8}})),
      "expected at most 100,000,000 pixels");
  expect_contains(error_of(page_of({{256, 1}, {257, 30'000'000}, {273, 8}, {278, 1}, {279, 8}})),
                  "more strips than its bytes");
}

}  // namespace
}  // namespace ddpm
