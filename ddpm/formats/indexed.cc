#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/formats/indexed_internal.h"

namespace ddpm {

Image image_of_indices(int64_t height, int64_t width, std::span<const uint8_t> indices,
                       std::span<const Colour> palette, const std::string& who) {
  std::array<bool, 256> used{};
  for (const uint8_t index : indices) used[index] = true;
  bool alpha = false;
  for (size_t i = 0; i < used.size(); ++i) {
    if (used[i] && i >= palette.size()) {
      throw FormatError(concat(who, ": damaged: expected indices below ", palette.size(),
                               ", the colours of the palette, got ", i));
    }
    alpha = alpha || (used[i] && palette[i][3] < 255);
  }
  const bool gray = std::all_of(palette.begin(), palette.end(), [](const Colour& colour) {
    return colour[0] == colour[1] && colour[1] == colour[2];
  });
  Image image{height, width, (gray ? 1 : 3) + (alpha ? 1 : 0), 8, {}};
  image.samples.resize(indices.size() * static_cast<size_t>(image.channels));
  uint16_t* to = image.samples.data();
  for (const uint8_t index : indices) {
    const Colour& colour = palette[index];
    to = std::copy_n(colour.begin(), gray ? 1 : 3, to);
    if (alpha) *to++ = colour[3];
  }
  return image;
}

}  // namespace ddpm
