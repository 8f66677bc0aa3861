// How often the images of a dataset are decoded, and how often they are kept.

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/data/dataset.h"
#include "ddpm/testing/toy_images.h"

namespace ddpm {
namespace {

TEST(Dataset, ImagesThatNeedNoChangeAreDecodedOnceAsItIsOpened) {
  DataOptions options;
  options.memory_limit_bytes = 0;
  std::atomic<int> decoded = 0;
  const auto decode = [&decoded](int64_t i) {
    ++decoded;
    return toy_image(2, 2, 1, static_cast<uint64_t>(i));
  };
  EXPECT_EQ(open_dataset(toy_source(5, decode), options).images_in_memory(), 0);
  EXPECT_EQ(decoded, 5);
}

TEST(Dataset, CopiesAreDecodedAndKeptOnce) {
  std::vector<Image> images = {toy_image(4, 6, 4, 1), toy_image(9, 6, 1, 2, 16),
                               toy_image(4, 6, 4, 3)};
  const std::vector<int64_t> first = {0, 1, 0, 3, 1, 1};
  images = {images[0], images[1], images[0], images[2], images[1], images[1]};
  DataOptions options;
  options.fit = Fit::kCrop;
  const Dataset expected = make_dataset(images, options);
  for (const int64_t limit : {int64_t{1} << 20, int64_t{0}}) {
    options.memory_limit_bytes = limit;
    std::vector<std::atomic<int>> decoded(6);
    Source source = toy_source(6, [&](int64_t i) {
      ++decoded[static_cast<size_t>(i)];
      return images[static_cast<size_t>(i)];
    });
    source.first_copy = first;
    const Dataset dataset = open_dataset(std::move(source), options);
    EXPECT_EQ(dataset.fingerprint(), expected.fingerprint());
    EXPECT_EQ(dataset.report().lines(), expected.report().lines().replace(6, 6, "toys"));
    EXPECT_EQ(dataset.channel_means(), expected.channel_means());
    EXPECT_EQ(dataset.first_beyond_bytes(2, 4), expected.first_beyond_bytes(2, 4));
    EXPECT_EQ(dataset.images_in_memory(), limit > 0 ? 6 : 0);
    for (const size_t i : {2U, 4U, 5U}) EXPECT_EQ(decoded[i], 0) << i;
    for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(read_image(dataset, i), read_image(expected, i));
  }
}

}  // namespace
}  // namespace ddpm
