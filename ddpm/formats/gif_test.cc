#include "ddpm/formats/gif.h"

#include <gif_lib.h>
#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

using Samples = std::vector<uint16_t>;

struct Frame {
  int top = 0;
  int left = 0;
  int height = 2;
  int width = 3;
  std::vector<uint8_t> indices = {0, 1, 2, 3, 2, 1};
  int transparent = -1;
  bool interlaced = false;
};

int append(GifFileType* gif, const GifByteType* bytes, int count) {
  static_cast<std::string*>(gif->UserData)
      ->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
  return count;
}

// Four colours: 10 n, 20 n, 30 n for n = 1 to 4, or n, n, n.
std::string made_gif(const std::vector<Frame>& frames, int height = 2, int width = 3,
                     bool gray = false) {
  std::string file;
  GifFileType* gif = EGifOpen(&file, append, nullptr);
  ColorMapObject* map = GifMakeMapObject(4, nullptr);
  for (int n = 1; n <= 4; ++n) {
    const auto value = [&](int factor) { return static_cast<GifByteType>(gray ? n : factor * n); };
    map->Colors[n - 1] = {value(10), value(20), value(30)};
  }
  EGifSetGifVersion(gif, true);
  EGifPutScreenDesc(gif, width, height, 2, 0, map);
  for (const Frame& frame : frames) {
    if (frame.transparent >= 0) {
      const GraphicsControlBlock control{0, false, 0, frame.transparent};
      GifByteType block[4];
      const size_t size = EGifGCBToExtension(&control, block);
      EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, static_cast<int>(size), block);
    }
    EGifPutImageDesc(gif, frame.left, frame.top, frame.width, frame.height, frame.interlaced,
                     nullptr);
    std::vector<uint8_t> indices = frame.indices;
    for (int y = 0; y < frame.height; ++y) {
      EGifPutLine(gif, indices.data() + y * frame.width, frame.width);
    }
  }
  EGifCloseFile(gif, nullptr);
  GifFreeMapObject(map);
  return file;
}

Image decode(const std::string& bytes) { return decode_gif(as_bytes(bytes), "test.gif"); }

std::string error_of(const std::string& bytes) {
  return complaint<FormatError>([&] { decode(bytes); });
}

TEST(Gif, ThePaletteIsLookedUp) {
  const Image image = decode(made_gif({{}}));
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.samples, (Samples{10, 20, 30, 20, 40, 60, 30, 60, 90,  //
                                    40, 80, 120, 30, 60, 90, 20, 40, 60}));
}

TEST(Gif, APaletteOfGraysIsGray) {
  EXPECT_EQ(decode(made_gif({{}}, 2, 3, true)).samples, (Samples{1, 2, 3, 4, 3, 2}));
}

TEST(Gif, TransparencyGivesAlphaIfAPixelUsesIt) {
  const Image image = decode(made_gif({{.transparent = 3}}, 2, 3, true));
  EXPECT_EQ(image.channels, 2);
  EXPECT_EQ(image.samples, (Samples{1, 255, 2, 255, 3, 255, 4, 0, 3, 255, 2, 255}));
  Frame unused{.transparent = 3};
  unused.indices[3] = 0;
  EXPECT_EQ(decode(made_gif({unused}, 2, 3, true)).channels, 1);
}

TEST(Gif, OnlyTheFirstFrameIsRead) {
  Frame second;
  second.indices.assign(6, 0);
  EXPECT_EQ(decode(made_gif({{}, second})).samples, decode(made_gif({{}})).samples);
}

TEST(Gif, AFrameLiesOnATransparentCanvas) {
  const Image image = decode(made_gif({{.top = 1, .left = 2}}, 5, 6));
  EXPECT_EQ(image.height, 5);
  EXPECT_EQ(image.width, 6);
  EXPECT_EQ(image.channels, 4);
  EXPECT_EQ(image.at(1, 3, 0), 20);
  EXPECT_EQ(image.at(1, 3, 3), 255);
  EXPECT_EQ(image.at(0, 0, 3), 0);
  EXPECT_EQ(decode(made_gif({{.top = 4, .left = 4}}, 5, 6)).width, 7) << "beyond the screen";
}

TEST(Gif, InterlacedRowsAreSorted) {
  Frame frame{.height = 8, .width = 1, .indices = {0, 1, 2, 2, 3, 3, 3, 3}, .interlaced = true};
  const Image image = decode(made_gif({frame}, 8, 1, true));
  EXPECT_EQ(image.samples, (Samples{1, 4, 3, 4, 2, 4, 3, 4}));
}

TEST(Gif, AnIndexBeyondThePaletteIsDamage) {
  std::string file = made_gif({{}});
  // the palette's size, 2 bits: now two colours, and the other six bytes are gone
  file[10] = static_cast<char>((file[10] & ~7) | 0);
  file.erase(13 + 6, 6);
  expect_contains(error_of(file), "test.gif: damaged: expected indices below 2");
}

TEST(Gif, ACutInTheFirstFrameIsAnError) {
  const std::string file = made_gif({{}});
  for (size_t size = 0; size < file.size() - 4; ++size) {
    EXPECT_NE(error_of(file.substr(0, size)), "") << size;
  }
}

TEST(Gif, AFewBytesOfManyPixelsAreRefused) {
  std::string file = made_gif({{}});
  for (const size_t place : {7U, 9U}) file[place] = '\x7f';  // the screen's size, little-endian
  expect_contains(error_of(file), "test.gif: expected at most 100,000,000 pixels");
  for (const size_t place : {7U, 9U}) file[place] = '\x1f';
  expect_contains(error_of(file), "test.gif: expected at least");
  expect_contains(error_of(file + std::string(3'000'000, 'x')), "test.gif: expected at least");
  EXPECT_EQ(error_of("GIF90a"), "test.gif: not a GIF file");
}

}  // namespace
}  // namespace ddpm
