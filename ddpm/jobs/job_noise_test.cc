#include "ddpm/jobs/job_noise.h"

#include <gtest/gtest.h>

#include <vector>

namespace ddpm {
namespace {

// Generators whose draws can be told apart: 1000 seed, 1000 seed + 1, ..
TorchHooks counting_hooks() {
  TorchHooks backend;
  backend.torch_normal = [](uint64_t seed) -> NormalDraws {
    return [next = static_cast<float>(1000 * seed)](std::span<float> values) mutable {
      for (float& value : values) value = next++;
    };
  };
  return backend;
}

constexpr BatchShape kShape{3, 1, 1, 2};

TEST(JobNoise, OfOneGeneratorIsDrawnForAllImagesAtOnce) {
  const std::vector<int64_t> indices = {0, 1, 2};
  const JobNoise noise = job_noise(Rng::kDiffusers, 5, indices, kShape, counting_hooks());
  Batch x(kShape);
  noise.fill_initial(x);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(x.values()[i], 5000.0F + static_cast<float>(i));
  std::vector<float> z(2);
  for (int64_t step = 0; step < 2; ++step) {
    for (const int64_t index : indices) {
      noise.steps(index, 9 - step, z);
      const auto before = static_cast<float>(6 * (step + 1) + 2 * index);
      EXPECT_EQ(z, (std::vector<float>{5000.0F + before, 5001.0F + before}));
    }
  }
}

TEST(JobNoise, OfAGeneratorAnImageDependsOnTheImageAlone) {
  const std::vector<int64_t> indices = {4, 7, 8};
  const JobNoise noise = job_noise(Rng::kDiffusersPerImage, 5, indices, kShape, counting_hooks());
  Batch x(kShape);
  noise.fill_initial(x);
  EXPECT_EQ(x.image(0)[0], 9000.0F);
  EXPECT_EQ(x.image(1)[1], 12001.0F);
  std::vector<float> z(2);
  noise.steps(7, 3, z);
  noise.steps(7, 2, z);
  EXPECT_EQ(z, (std::vector<float>{12004.0F, 12005.0F}));
  noise.steps(8, 3, z);
  EXPECT_EQ(z, (std::vector<float>{13002.0F, 13003.0F}));
}

TEST(JobNoise, OfOursIsByImageAndTime) {
  const std::vector<int64_t> indices = {4, 7, 8};
  const JobNoise noise = job_noise(Rng::kOwn, 5, indices, kShape, counting_hooks());
  Batch x(kShape);
  noise.fill_initial(x);
  Batch wanted(kShape);
  fill_initial_noise(5, indices, wanted);
  EXPECT_EQ(x.values()[3], wanted.values()[3]);
  std::vector<float> z(2);
  std::vector<float> same(2);
  noise.steps(7, 3, z);
  step_noise(5)(7, 3, same);
  EXPECT_EQ(z, same);
}

}  // namespace
}  // namespace ddpm
