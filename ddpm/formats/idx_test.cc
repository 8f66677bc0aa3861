#include "ddpm/formats/idx.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

// An IDX file of these extents, whose pixels count up from 1.
std::string idx(const std::vector<uint32_t>& extents, size_t pixels, char type = 0x08) {
  std::string file = {0, 0, type, static_cast<char>(extents.size())};
  for (uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(extent >> shift);
  }
  for (size_t i = 0; i < pixels; ++i) file += static_cast<char>(i + 1);
  return file;
}

std::string error_of(const std::string& file) {
  return complaint<FormatError>([&] { decode_idx(as_bytes(file), "x"); });
}

TEST(Idx, HasItsImagesOneAfterTheOther) {
  const std::string file = idx({2, 3, 4}, 24);
  const IdxImages images = decode_idx(as_bytes(file), "x");
  EXPECT_EQ(images.count, 2);
  EXPECT_EQ(images.height, 3);
  EXPECT_EQ(images.width, 4);
  ASSERT_EQ(images.pixels.size(), 24u);
  for (size_t i = 0; i < 24; ++i) EXPECT_EQ(images.pixels[i], i + 1);
}

TEST(Idx, HasBigEndianExtents) {
  EXPECT_EQ(decode_idx(as_bytes(idx({1, 1, 258}, 258)), "x").width, 258);
}

TEST(Idx, IsKnownByItsMagicNumber) {
  EXPECT_TRUE(is_idx(as_bytes(idx({1, 1, 1}, 1))));
  EXPECT_TRUE(is_idx(as_bytes(idx({7}, 7))));
  EXPECT_TRUE(is_idx(as_bytes(idx({7}, 7, 0x0d))));
  EXPECT_FALSE(is_idx(as_bytes(idx({7}, 7, 0x0a))));
  EXPECT_FALSE(is_idx(as_bytes(idx({}, 7))));
  EXPECT_FALSE(is_idx(as_bytes(std::string_view("\0\0\x08", 3))));
  EXPECT_FALSE(is_idx(as_bytes(std::string_view("\0\1\x08\3", 4))));
  EXPECT_FALSE(is_idx(as_bytes(std::string_view("\1\0\x08\3", 4))));
}

TEST(Idx, OfLabelsOrOtherNumbersIsNamedAsSuch) {
  EXPECT_EQ(error_of(idx({5}, 5)),
            "x: expected images, IDX of uint8 (type 8) and rank 3, got type 8 and rank 1");
  EXPECT_EQ(error_of(idx({1, 1, 1}, 4, 0x0d)),
            "x: expected images, IDX of uint8 (type 8) and rank 3, got type 13 and rank 3");
}

TEST(Idx, OfAnotherLengthThanItsExtentsSayIsAnError) {
  EXPECT_EQ(error_of(idx({2, 3, 4}, 23)), "x: expected 40 bytes, as 2 images of 3x4 have, got 39");
  EXPECT_NE(error_of(idx({2, 3, 4}, 25)), "");
  EXPECT_NE(error_of(idx({0, 3, 4}, 0)), "");
  EXPECT_NE(error_of(idx({1, 0, 4}, 0)), "");
  EXPECT_EQ(error_of(idx({2, 3, 4}, 24).substr(0, 15)),
            "x: expected an IDX header of 16 bytes, got 15 bytes in all");
  EXPECT_EQ(error_of("GIF89a"), "x: not an IDX file");
  EXPECT_EQ(error_of(""), "x: not an IDX file");
}

TEST(Idx, OfExtentsWhoseProductWrapsIsAnError) {
  EXPECT_NE(error_of(idx({1u << 22, 1u << 21, 1u << 21}, 0)), "");  // 2^64
  EXPECT_NE(error_of(idx({2, 1u << 31, 1u << 31}, 0)), "");         // 2^63
  EXPECT_NE(error_of(idx({UINT32_MAX, UINT32_MAX, UINT32_MAX}, 1)), "");
}

// tests/hostile/formats/make_containers.py says what is wrong with each.
TEST(Idx, RefusesEachHostileFile) {
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(
           std::filesystem::path(DDPM_SOURCE_DIR) / "tests/hostile/formats/idx")) {
    EXPECT_NE(error_of(read_file(file.path(), 1'000'000)), "") << file.path();
    ++files;
  }
  EXPECT_GE(files, 5);
}

}  // namespace
}  // namespace ddpm
