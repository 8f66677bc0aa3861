#include "ddpm/data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_images.h"

namespace ddpm {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// The first `count` training samples, and the images that they are.
struct Samples {
  std::vector<std::vector<float>> images;
  std::vector<int64_t> indices;
};

Samples first_samples(const Dataset& dataset, const LoaderOptions& options, int64_t count) {
  Samples samples;
  Loader loader(dataset, options);
  int64_t expected = options.first_sample;
  while (std::ssize(samples.indices) < count) {
    const LoadedBatch batch = loader.next();
    EXPECT_EQ(batch.first_sample, expected);
    EXPECT_EQ(batch.images.images(), options.batch_size);
    EXPECT_EQ(std::ssize(batch.image_indices), options.batch_size);
    for (int64_t i = 0; i < options.batch_size; ++i) {
      const auto image = batch.images.image(i);
      samples.images.emplace_back(image.begin(), image.end());
      samples.indices.push_back(batch.image_indices[static_cast<size_t>(i)]);
    }
    expected += options.batch_size;
  }
  samples.images.resize(static_cast<size_t>(count));
  samples.indices.resize(static_cast<size_t>(count));
  return samples;
}

// Images that take a while, decoded again whenever they are read.
Dataset slow_dataset(int64_t count, milliseconds time, std::atomic<int64_t>* decoded = nullptr) {
  DataOptions options;
  options.memory_limit_bytes = 0;
  options.height = options.width = 2;
  options.channels = 1;
  const auto ready = std::make_shared<std::atomic<int64_t>>(0);
  return open_dataset(toy_source(count,
                                 [=](int64_t i) {
                                   if (++*ready > count) {  // it is open
                                     std::this_thread::sleep_for(time);
                                     if (decoded != nullptr) ++*decoded;
                                   }
                                   return toy_image(2, 2, 1, static_cast<uint64_t>(i));
                                 }),
                      options);
}

TEST(Loader, EachEpochHasEveryImageOnceInAnOrderOfItsOwn) {
  const Dataset dataset = make_dataset(toy_images(11, 2, 3, 1));
  LoaderOptions options{.seed = 5, .batch_size = 4};
  const Samples samples = first_samples(dataset, options, 33);
  std::vector<std::vector<int64_t>> epochs;
  for (int epoch = 0; epoch < 3; ++epoch) {
    const auto begin = samples.indices.begin() + 11 * epoch;
    epochs.emplace_back(begin, begin + 11);
    auto sorted = epochs.back();
    std::sort(sorted.begin(), sorted.end());
    for (int64_t i = 0; i < 11; ++i) EXPECT_EQ(sorted[static_cast<size_t>(i)], i);
  }
  // 11! orders: two of four equal ones would be a wonder
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  options.seed = 6;
  EXPECT_NE(first_samples(dataset, options, 11).indices, epochs[0]);
}

TEST(Loader, ASampleIsWhatTheHeaderSays) {
  const Dataset dataset = make_dataset(toy_images(7, 3, 4, 3));
  const LoaderOptions options{.seed = 3, .batch_size = 5, .flip = true};
  const Samples samples = first_samples(dataset, options, 40);
  int64_t flipped = 0;
  for (int64_t g = 0; g < 40; ++g) {
    const auto epoch = static_cast<uint64_t>(g / 7);
    const auto order = permutation(Stream{3, Purpose::kShuffle, epoch}, 7);
    const int64_t index = order[static_cast<size_t>(g % 7)];
    uint64_t word = 0;
    fill_words(Stream{3, Purpose::kFlip, static_cast<uint64_t>(g)}, std::span(&word, 1));
    const bool flip = word >= uint64_t{1} << 63;
    flipped += flip ? 1 : 0;
    EXPECT_EQ(samples.indices[static_cast<size_t>(g)], index);
    EXPECT_EQ(samples.images[static_cast<size_t>(g)], read_image(dataset, index, flip));
  }
  EXPECT_GT(flipped, 0);
  EXPECT_LT(flipped, 40);
}

TEST(Loader, WithoutFlipNoImageIsMirrored) {
  const Dataset dataset = make_dataset(toy_images(7, 3, 4, 3));
  const Samples samples = first_samples(dataset, {.seed = 3, .batch_size = 5}, 20);
  for (size_t g = 0; g < 20; ++g) {
    EXPECT_EQ(samples.images[g], read_image(dataset, samples.indices[g]));
  }
}

TEST(Loader, BatchSizeWorkersAndQueueChangeNothing) {
  const Dataset dataset = make_dataset(toy_images(10, 3, 3, 1));
  const Samples wanted =
      first_samples(dataset, {.seed = 1, .batch_size = 1, .flip = true, .queue = 1}, 50);
  for (const int64_t batch_size : {1, 3, 8, 25}) {  // 25: more than two epochs in a batch
    for (const int64_t workers : {1, 2, 4}) {
      for (const int64_t queue : {1, 3}) {
        const LoaderOptions options{
            .seed = 1, .batch_size = batch_size, .flip = true, .workers = workers, .queue = queue};
        const Samples samples = first_samples(dataset, options, 50);
        ASSERT_EQ(samples.indices, wanted.indices);
        ASSERT_EQ(samples.images, wanted.images);
      }
    }
  }
}

TEST(Loader, GoesOnWhereARunStopped) {
  const Dataset dataset = make_dataset(toy_images(10, 3, 3, 1));
  const LoaderOptions options{.seed = 1, .batch_size = 4, .flip = true, .workers = 2};
  const Samples whole = first_samples(dataset, options, 40);
  LoaderOptions resumed = options;
  resumed.first_sample = 16;
  const Samples rest = first_samples(dataset, resumed, 24);
  EXPECT_TRUE(std::equal(rest.images.begin(), rest.images.end(), whole.images.begin() + 16));
}

TEST(Loader, KeepsTheDatasetAlive) {
  std::unique_ptr<Loader> loader;
  {
    const Dataset dataset = make_dataset(toy_images(3, 2, 2, 1));
    loader = std::make_unique<Loader>(dataset, LoaderOptions{.batch_size = 2});
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(loader->next().images.images(), 2);
}

TEST(Loader, RunsAheadByItsQueueAndNoFurther) {
  std::atomic<int64_t> decoded = 0;
  const Dataset dataset = slow_dataset(10, milliseconds(0), &decoded);
  Loader loader(dataset, {.batch_size = 2, .workers = 3, .queue = 4});
  const auto settles_at = [&](int64_t wanted) {
    const auto end = Clock::now() + milliseconds(2000);
    while (decoded < wanted && Clock::now() < end) std::this_thread::sleep_for(milliseconds(1));
    std::this_thread::sleep_for(milliseconds(30));  // time to go too far
    return decoded == wanted;
  };
  EXPECT_TRUE(settles_at(8));
  loader.next();
  EXPECT_TRUE(settles_at(10));
}

TEST(Loader, EndsWithinTheTimeOfAnImage) {
  const Dataset dataset = slow_dataset(5, milliseconds(10));
  const auto began = Clock::now();
  {
    Loader loader(dataset, {.batch_size = 100'000, .workers = 2});  // a batch takes 1000 seconds
    std::this_thread::sleep_for(milliseconds(30));
  }
  EXPECT_LT(Clock::now() - began, milliseconds(5000));
  {
    Loader idle(dataset, {.batch_size = 1, .workers = 2, .queue = 1});  // waiting for room
    idle.next();
  }
  EXPECT_LT(Clock::now() - began, milliseconds(5000));
}

TEST(Loader, CountsTheTimeThatItsCallerWaits) {
  const Dataset dataset = slow_dataset(5, milliseconds(20));
  Loader loader(dataset, {.batch_size = 2});
  EXPECT_EQ(loader.seconds_waited(), 0.0);
  const auto began = Clock::now();
  loader.next();
  loader.next();
  const std::chrono::duration<double> whole = Clock::now() - began;
  EXPECT_GT(loader.seconds_waited(), 0.06);  // 4 images of 0.02 s, less what the start took
  EXPECT_LE(loader.seconds_waited(), whole.count());
}

TEST(Loader, AWorkersExceptionComesWithItsBatch) {
  std::atomic<int64_t> decoded = 0;
  DataOptions options;
  options.memory_limit_bytes = 0;
  const int64_t size = 6;
  const auto bad = permutation(Stream{2, Purpose::kShuffle, 0}, size)[5];  // the third batch's last
  const Dataset dataset =
      open_dataset(toy_source(size,
                              [&](int64_t i) {
                                if (++decoded > size && i == bad) throw IoError("the disk is gone");
                                return toy_image(2, 2, 1, static_cast<uint64_t>(i));
                              }),
                   options);
  Loader loader(dataset, {.seed = 2, .batch_size = 2, .workers = 3});
  EXPECT_EQ(loader.next().first_sample, 0);
  EXPECT_EQ(loader.next().first_sample, 2);
  EXPECT_EQ(complaint<IoError>([&] { loader.next(); }), "the disk is gone");
  EXPECT_EQ(complaint<IoError>([&] { loader.next(); }), "the disk is gone");
}

TEST(Loader, ByDefaultHalfOfTheCoresMakeBatches) {
  EXPECT_EQ(default_loader_workers(1), 1);
  EXPECT_EQ(default_loader_workers(2), 1);
  EXPECT_EQ(default_loader_workers(5), 2);
  EXPECT_EQ(default_loader_workers(64), 8);
}

TEST(Loader, RefusesOptionsOutsideTheirRange) {
  const Dataset dataset = make_dataset(toy_images(3, 2, 2, 1));
  EXPECT_THROW(Loader(dataset, {.batch_size = 0}), InvalidArgument);
  EXPECT_THROW(Loader(dataset, {.first_sample = -1}), InvalidArgument);
  EXPECT_THROW(Loader(dataset, {.workers = 0}), InvalidArgument);
  EXPECT_THROW(Loader(dataset, {.queue = 0}), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
