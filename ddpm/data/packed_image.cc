#include <cstddef>

#include "ddpm/data/packed_image_internal.h"
#include "ddpm/data/transform.h"

namespace ddpm {
namespace {

// Sample `i` of the packed bytes, as the number in [-1, 1].
float unit_of_byte(const uint8_t* bytes, int64_t i) { return byte_to_unit(bytes[i]); }

float unit_of_word(const uint8_t* bytes, int64_t i) {
  return word_to_unit(static_cast<uint16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8));
}

template <typename UnitOf>
void write_planes(const PackedImage& packed, bool flip, UnitOf unit_of, float* out) {
  const int64_t channels = packed.channels;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t y = 0; y < packed.height; ++y) {
      const int64_t row = y * packed.width;
      for (int64_t x = 0; x < packed.width; ++x) {
        const int64_t from = flip ? packed.width - 1 - x : x;
        *out++ = unit_of(packed.bytes.data(), (row + from) * channels + c);
      }
    }
  }
}

}  // namespace

PackedImage pack(const Image& image) {
  PackedImage packed{image.height, image.width, image.channels, image.bits, {}};
  const bool wide = image.bits == 16;
  packed.bytes.reserve(image.samples.size() * (wide ? 2 : 1));
  for (const uint16_t sample : image.samples) {
    packed.bytes.push_back(static_cast<uint8_t>(sample & 0xff));
    if (wide) packed.bytes.push_back(static_cast<uint8_t>(sample >> 8));
  }
  return packed;
}

Image unpack(const PackedImage& packed) {
  Image image{packed.height, packed.width, packed.channels, packed.bits, {}};
  if (packed.bits == 8) {
    image.samples.assign(packed.bytes.begin(), packed.bytes.end());
    return image;
  }
  for (size_t i = 0; i + 1 < packed.bytes.size(); i += 2) {
    image.samples.push_back(static_cast<uint16_t>(packed.bytes[i] | packed.bytes[i + 1] << 8));
  }
  return image;
}

void write_units(const PackedImage& packed, bool flip, std::span<float> out) {
  if (packed.bits == 8) {
    write_planes(packed, flip, unit_of_byte, out.data());
  } else {
    write_planes(packed, flip, unit_of_word, out.data());
  }
}

}  // namespace ddpm
