#include "ddpm/formats/picture_mark.h"

#include <gtest/gtest.h>

#include "ddpm/base/file.h"

namespace ddpm {
namespace {

const Image kImage = {2, 2, 1, 8, {1, 2, 3, 4}};

TEST(PictureMark, TellsDrawnPicturesFromImages) {
  EXPECT_TRUE(is_drawn_picture(as_bytes(encode_picture(kImage))));
  EXPECT_TRUE(is_drawn_picture(as_bytes(encode_picture(kImage, {{"seed", "1"}}))));
  EXPECT_FALSE(is_drawn_picture(as_bytes(encode_png(kImage))));
  EXPECT_FALSE(is_drawn_picture(as_bytes(encode_png(kImage, {{"ddpm", "sample"}}))));
  EXPECT_FALSE(is_drawn_picture(as_bytes("ddpm picture")));
  EXPECT_EQ(decode_png(as_bytes(encode_picture(kImage)), "x").samples, kImage.samples);
  EXPECT_EQ(read_png_text(as_bytes(encode_picture(kImage, {{"seed", "1"}})), "x").at("seed"), "1");
}

TEST(PictureMark, IsLookedForWithinTheFileAlone) {
  const std::string whole = encode_picture(kImage);
  for (size_t size = 0; size < whole.size(); ++size) {
    is_drawn_picture(as_bytes(std::string(whole, 0, size)));
  }
  for (size_t i = 8; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(0xff);
    is_drawn_picture(as_bytes(changed));
  }
}

}  // namespace
}  // namespace ddpm
