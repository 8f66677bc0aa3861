// For tests of the engine: images with timesteps and labels, and the call that takes them.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/engine/compiled_unet.h"
#include "ddpm/testing/engine_networks.h"

namespace ddpm {

struct SomeImages {
  int64_t count;
  int64_t image_size;  // values of one
  std::vector<float> x;
  std::vector<int64_t> timesteps;
  std::vector<int64_t> labels;  // empty for a network without classes

  const float* image(int64_t i) const { return x.data() + i * image_size; }

  // Those of these numbers, in this order.
  SomeImages some(const std::vector<int64_t>& numbers) const {
    SomeImages chosen{.count = std::ssize(numbers),
                      .image_size = image_size,
                      .x = {},
                      .timesteps = {},
                      .labels = {}};
    for (const int64_t i : numbers) {
      chosen.x.insert(chosen.x.end(), image(i), image(i) + image_size);
      chosen.timesteps.push_back(timesteps[static_cast<size_t>(i)]);
      if (!labels.empty()) chosen.labels.push_back(labels[static_cast<size_t>(i)]);
    }
    return chosen;
  }
};

inline SomeImages some_images(const UNetConfig& config, int64_t count, uint64_t seed) {
  Choices choose(seed);
  SomeImages images{.count = count,
                    .image_size = config.image_channels * config.height * config.width,
                    .x = {},
                    .timesteps = {},
                    .labels = {}};
  for (int64_t i = 0; i < count * images.image_size; ++i) {
    images.x.push_back(static_cast<float>(choose.among(-2'000'000, 2'000'000)) * 1e-6F);
  }
  const int64_t times = config.learned_times > 0 ? config.learned_times : 1000;
  for (int64_t i = 0; i < count; ++i) {
    images.timesteps.push_back(choose.among(0, times - 1));
    if (config.classes > 0) images.labels.push_back(choose.among(0, config.classes - 1));
  }
  return images;
}

inline std::vector<float> predict(CompiledUNet& engine, const SomeImages& images) {
  const UNetConfig& config = engine.config();
  std::vector<float> output(
      static_cast<size_t>(images.count * config.output_channels() * config.height * config.width));
  engine.predict(images.x.data(), images.timesteps.data(),
                 images.labels.empty() ? nullptr : images.labels.data(), images.count,
                 output.data());
  return output;
}

}  // namespace ddpm
