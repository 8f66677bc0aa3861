// Many images in one picture.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ddpm/formats/image.h"

namespace ddpm {

struct GridOptions {
  int64_t columns = 0;                     // 0: as many as make the grid nearly square
  int64_t gap = 2;                         // pixels between the images and around them
  int64_t scale = 1;                       // each pixel becomes scale x scale
  std::vector<std::string> column_labels;  // above the columns; none, or one a column
  std::vector<std::string> column_notes;   // below the columns; likewise
  std::vector<std::string> row_labels;     // left of the rows; none, or one a row
  std::string caption;                     // below, if not empty
};

// Options that make images of this size easy to look at: small ones are enlarged.
GridOptions grid_options_for(const Image& image);

// The images row by row on white, as 8-bit RGB; gray in all three, transparency over white. Where
// no label or gap is, a pixel of the picture is a pixel of its image. Throws InvalidArgument if
// there is no image, if their sizes differ or if there are labels of another number.
Image image_grid(std::span<const Image> images, const GridOptions& options);

}  // namespace ddpm
