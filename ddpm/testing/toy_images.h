// Images and sources for tests.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/data/dataset.h"
#include "ddpm/random/stream.h"

namespace ddpm {

// Each sample at random; alpha, if there is one, at its most.
inline Image toy_image(int64_t height, int64_t width, int64_t channels, uint64_t index,
                       int bits = 8) {
  Image image{height, width, channels, bits, {}};
  std::vector<uint64_t> words(static_cast<size_t>(height * width * channels));
  fill_words(Stream{7, Purpose::kTest, index}, words);
  const auto alpha = static_cast<size_t>(channels % 2 == 0 ? channels - 1 : channels);
  for (size_t i = 0; i < words.size(); ++i) {
    const bool is_alpha = i % static_cast<size_t>(channels) == alpha;
    image.samples.push_back(
        static_cast<uint16_t>(is_alpha ? (1 << bits) - 1 : words[i] >> (64 - bits)));
  }
  return image;
}

inline std::vector<Image> toy_images(int64_t count, int64_t height, int64_t width,
                                     int64_t channels) {
  std::vector<Image> images;
  for (int64_t i = 0; i < count; ++i) {
    images.push_back(toy_image(height, width, channels, static_cast<uint64_t>(i)));
  }
  return images;
}

// A source of `count` images that `decode` makes.
inline Source toy_source(int64_t count, std::function<Image(int64_t)> decode) {
  Source source{"toys", {}, std::move(decode), {}};
  for (int64_t i = 0; i < count; ++i) source.names.push_back(concat("toy ", i));
  return source;
}

inline std::vector<float> read_image(const Dataset& dataset, int64_t index, bool flip = false) {
  std::vector<float> out(static_cast<size_t>(dataset.image_shape().image_size()));
  dataset.read(index, flip, out);
  return out;
}

}  // namespace ddpm
