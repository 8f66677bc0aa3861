#include <libexif/exif-data.h>

#include <algorithm>
#include <string>
#include <utility>

#include "ddpm/formats/exif_internal.h"

namespace ddpm {

namespace {

constexpr size_t kMaxBytes = 65'536;  // what a JPEG file can hold; a WebP file could have gigabytes

}  // namespace

int exif_orientation(std::span<const std::byte> tiff) {
  // libexif expects the six bytes that stand before the header in a JPEG file
  std::string bytes("Exif\0\0", 6);
  bytes.append(reinterpret_cast<const char*>(tiff.data()), std::min(tiff.size(), kMaxBytes));
  ExifData* data = exif_data_new_from_data(reinterpret_cast<const unsigned char*>(bytes.data()),
                                           static_cast<unsigned int>(bytes.size()));
  if (data == nullptr) return 1;
  int orientation = 1;
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry != nullptr && entry->format == EXIF_FORMAT_SHORT && entry->components == 1) {
    orientation = exif_get_short(entry->data, exif_data_get_byte_order(data));
  }
  exif_data_unref(data);
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

Image apply_orientation(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const bool transposed = orientation >= 5;
  Image upright = image;
  if (transposed) std::swap(upright.height, upright.width);
  // where pixel (y, x) of the upright image lies in the stored one
  const bool flip_rows =
      orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool flip_columns =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  for (int64_t y = 0; y < upright.height; ++y) {
    for (int64_t x = 0; x < upright.width; ++x) {
      int64_t from_y = transposed ? x : y;
      int64_t from_x = transposed ? y : x;
      if (transposed ? flip_columns : flip_rows) from_y = image.height - 1 - from_y;
      if (transposed ? flip_rows : flip_columns) from_x = image.width - 1 - from_x;
      for (int64_t c = 0; c < image.channels; ++c)
        upright.at(y, x, c) = image.at(from_y, from_x, c);
    }
  }
  return upright;
}

}  // namespace ddpm
