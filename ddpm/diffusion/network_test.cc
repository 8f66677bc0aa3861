#include "ddpm/diffusion/network.h"

#include <gtest/gtest.h>

#include <vector>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

TEST(NetworkInSlices, AnswersAsTheWholeAndIsNeverAskedForMore) {
  std::vector<int64_t> asked;
  const Network network = [&asked](ConstBatchView x, std::span<const Timestep> timesteps,
                                   BatchView output) {
    asked.push_back(x.images());
    ASSERT_EQ(std::ssize(timesteps), x.images());
    for (int64_t i = 0; i < x.images(); ++i) {
      for (size_t k = 0; k < x.image(i).size(); ++k) {
        output.image(i)[k] =
            x.image(i)[k] * static_cast<float>(timesteps[static_cast<size_t>(i)].index);
      }
    }
  };
  Batch x({7, 1, 1, 2});
  std::vector<Timestep> timesteps;
  for (int64_t i = 0; i < 7; ++i) {
    timesteps.push_back({i});
    x.image(i)[0] = 1.0F;
    x.image(i)[1] = static_cast<float>(i);
  }
  Batch output({7, 1, 1, 2});
  in_slices(network, 3)(x, timesteps, output);
  EXPECT_EQ(asked, (std::vector<int64_t>{3, 3, 1}));
  for (int64_t i = 0; i < 7; ++i) {
    EXPECT_EQ(output.image(i)[0], static_cast<float>(i));
    EXPECT_EQ(output.image(i)[1], static_cast<float>(i * i));
  }
  EXPECT_THROW(in_slices(network, 0), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
