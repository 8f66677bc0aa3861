#include "ddpm/plot/image_grid.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

Image filled(int64_t height, int64_t width, std::vector<uint16_t> pixel, int bits = 8) {
  Image image{height, width, static_cast<int64_t>(pixel.size()), bits, {}};
  for (int64_t i = 0; i < height * width; ++i) {
    image.samples.insert(image.samples.end(), pixel.begin(), pixel.end());
  }
  return image;
}

GridOptions grid_of(int64_t columns, int64_t gap, int64_t scale = 1) {
  GridOptions options;
  options.columns = columns;
  options.gap = gap;
  options.scale = scale;
  return options;
}

using Pixel = std::vector<int>;

Pixel at(const Image& image, int64_t y, int64_t x) {
  return {image.at(y, x, 0), image.at(y, x, 1), image.at(y, x, 2)};
}

TEST(ImageGrid, PutsImagesRowByRowWithGapsBetween) {
  std::vector<Image> images;
  for (uint16_t gray = 10; gray <= 50; gray = static_cast<uint16_t>(gray + 10))
    images.push_back(filled(3, 4, {gray}));
  const Image grid = image_grid(images, grid_of(3, 2));
  EXPECT_EQ(grid.width, 2 + 3 * (4 + 2));
  EXPECT_EQ(grid.height, 2 + 2 * (3 + 2));
  EXPECT_EQ(at(grid, 2, 2), (Pixel{10, 10, 10}));
  EXPECT_EQ(at(grid, 4, 2 + 6 + 3), (Pixel{20, 20, 20}));
  EXPECT_EQ(at(grid, 7, 2), (Pixel{40, 40, 40}));
  EXPECT_EQ(at(grid, 7, 8), (Pixel{50, 50, 50}));
  EXPECT_EQ(at(grid, 7, 14), (Pixel{255, 255, 255}));  // no sixth image
  EXPECT_EQ(at(grid, 2, 6), (Pixel{255, 255, 255}));   // the gap
}

TEST(ImageGrid, IsNearlySquareByItself) {
  const std::vector<Image> images(64, filled(2, 2, {0}));
  const Image grid = image_grid(images, grid_of(0, 0));
  EXPECT_EQ(grid.width, 16);
  EXPECT_EQ(grid.height, 16);
}

TEST(ImageGrid, EnlargesEachPixelToASquare) {
  Image image = filled(1, 2, {0, 0, 0});
  image.samples = {1, 2, 3, 4, 5, 6};
  const Image grid = image_grid(std::vector<Image>{image}, grid_of(0, 0, 3));
  EXPECT_EQ(grid.width, 6);
  EXPECT_EQ(grid.height, 3);
  EXPECT_EQ(at(grid, 2, 2), (Pixel{1, 2, 3}));
  EXPECT_EQ(at(grid, 0, 3), (Pixel{4, 5, 6}));
}

TEST(ImageGrid, ShowsTransparencyOverWhiteAndSixteenBitsAsEight) {
  const std::vector<Image> images = {filled(1, 1, {0, 0, 0, 0}), filled(1, 1, {200, 100, 0, 255}),
                                     filled(1, 1, {65535}, 16)};
  const Image grid = image_grid(images, grid_of(3, 0));
  EXPECT_EQ(at(grid, 0, 0), (Pixel{255, 255, 255}));
  EXPECT_EQ(at(grid, 0, 1), (Pixel{200, 100, 0}));
  EXPECT_EQ(at(grid, 0, 2), (Pixel{255, 255, 255}));
}

TEST(ImageGrid, PutsNotesBelowTheColumnsAndAboveTheCaption) {
  const std::vector<Image> images(4, filled(30, 30, {255}));
  const Image plain = image_grid(images, grid_of(2, 2));
  GridOptions options = grid_of(2, 2);
  options.column_notes = {"1.25", "0.5"};
  const Image noted = image_grid(images, options);
  EXPECT_GT(noted.height, plain.height);
  const auto is_ink = [&noted](int64_t y) {
    for (int64_t x = 0; x < noted.width; ++x) {
      if (noted.at(y, x, 0) < 200) return true;
    }
    return false;
  };
  bool below = false;
  for (int64_t y = 0; y < noted.height; ++y) {
    EXPECT_TRUE(y >= plain.height || !is_ink(y)) << y;
    below = below || is_ink(y);
  }
  EXPECT_TRUE(below);
  options.column_notes = {"one"};
  EXPECT_THROW(image_grid(images, options), InvalidArgument);
}

TEST(ImageGrid, MakesRoomForLabelsAndDrawsThem) {
  const std::vector<Image> images(4, filled(30, 30, {255}));
  const Image plain = image_grid(images, grid_of(2, 2));
  GridOptions options = grid_of(2, 2);
  options.column_labels = {"t = 0", "t = 1000"};
  options.row_labels = {"first", "second"};
  options.caption = "a caption";
  const Image labelled = image_grid(images, options);
  EXPECT_GT(labelled.width, plain.width);
  EXPECT_GT(labelled.height, plain.height + 30);
  int64_t dark = 0;
  for (const uint16_t sample : labelled.samples) dark += sample < 100 ? 1 : 0;
  EXPECT_GT(dark, 200);
}

TEST(ImageGrid, RefusesWhatDoesNotFitTogether) {
  const std::vector<Image> mixed = {filled(2, 2, {0}), filled(2, 3, {0})};
  EXPECT_THROW(image_grid(mixed, {}), InvalidArgument);
  EXPECT_THROW(image_grid(std::vector<Image>{}, {}), InvalidArgument);
  GridOptions options;
  options.column_labels = {"one", "too many"};
  options.columns = 1;
  EXPECT_THROW(image_grid(std::vector<Image>{mixed[0]}, options), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
