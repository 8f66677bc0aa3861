#include "ddpm/jobs/mask.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/formats/png.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {

namespace {

using Mask = std::vector<uint8_t>;

Mask filled(const std::string& fill, int64_t height, int64_t width) {
  return mask_of_fill("inpaint: --fill", fill, height, width);
}

}  // namespace

TEST(MaskOfFill, NamesTheUnknownPart) {
  EXPECT_EQ(filled("left", 2, 4), (Mask{0, 0, 1, 1, 0, 0, 1, 1}));
  EXPECT_EQ(filled("right", 2, 4), (Mask{1, 1, 0, 0, 1, 1, 0, 0}));
  EXPECT_EQ(filled("top", 2, 2), (Mask{0, 0, 1, 1}));
  EXPECT_EQ(filled("bottom", 3, 1), (Mask{1, 1, 0}));
  EXPECT_EQ(filled("centre", 4, 4), (Mask{1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1}));
  EXPECT_EQ(filled("1,0,2,1", 2, 4), (Mask{1, 0, 0, 1, 1, 1, 1, 1}));
}

TEST(MaskOfFill, RejectsWhatIsNoPartOfTheImage) {
  for (const char* fill : {"middle", "", "1,2,3", "1,2,3,4,5", "1,2,3,x", "0,0,5,1", "-1,0,2,2",
                           "3,0,2,1", "0,0,0,0", "0,0,4,2", "0,0,9223372036854775807,1"}) {
    EXPECT_THROW(filled(fill, 2, 4), InvalidArgument) << fill;
  }
}

TEST(MaskOfFile, WhiteIsKnownAndBlackIsNot) {
  const TemporaryFolder folder;
  const auto path = folder / "mask.png";
  write_file_whole(path, encode_png({1, 4, 1, 8, {255, 0, 128, 127}}));
  EXPECT_EQ(mask_of_file("inpaint: --mask", path.string(), 1, 4), (Mask{1, 0, 1, 0}));
  EXPECT_THROW(mask_of_file("inpaint: --mask", path.string(), 4, 1), InvalidArgument);
  write_file_whole(path, encode_png({1, 2, 1, 16, {65535, 32767}}));
  EXPECT_EQ(mask_of_file("inpaint: --mask", path.string(), 1, 2), (Mask{1, 0}));
  write_file_whole(path, encode_png({1, 2, 1, 8, {255, 255}}));
  EXPECT_THROW(mask_of_file("inpaint: --mask", path.string(), 1, 2), InvalidArgument);
  std::filesystem::remove(path);
  EXPECT_THROW(mask_of_file("inpaint: --mask", path.string(), 1, 2), InvalidArgument);
}

TEST(MaskOfFile, WhatIsTransparentIsFilledInWhateverItsColour) {
  const TemporaryFolder folder;
  const auto path = folder / "mask.png";
  const auto mask_of = [&](const Image& image) {
    write_file_whole(path, encode_png(image));
    return mask_of_file("inpaint: --mask", path.string(), 1, 4);
  };
  // white with holes, as an eraser leaves it; half transparent counts as the nearer of both
  EXPECT_EQ(
      mask_of({1,
               4,
               4,
               8,
               {255, 255, 255, 255, 255, 255, 255, 0, 255, 255, 255, 128, 255, 255, 255, 127}}),
      (Mask{1, 0, 1, 0}));
  EXPECT_EQ(mask_of({1, 4, 2, 8, {255, 255, 255, 0, 0, 255, 0, 0}}), (Mask{1, 0, 0, 0}));
  EXPECT_EQ(mask_of({1, 4, 2, 16, {65535, 65535, 65535, 0, 0, 65535, 0, 0}}), (Mask{1, 0, 0, 0}));
  std::filesystem::remove(path);
}

}  // namespace ddpm
