// An image's bits depend on nothing but itself, its timestep and the weights.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <numeric>
#include <random>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/engine/compiled_unet.h"
#include "ddpm/testing/engine_images.h"
#include "ddpm/testing/engine_networks.h"

namespace ddpm {
namespace {

// Each image alone: one thread, a batch of one.
std::vector<float> alone(const UNetConfig& config, const TensorSource& tensors,
                         const SomeImages& images, EngineOptions options) {
  options.at_once = options.threads = 1;
  CompiledUNet engine(config, tensors, options);
  std::vector<float> all;
  for (int64_t i = 0; i < images.count; ++i) {
    const std::vector<float> one = predict(engine, images.some({i}));
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

// Expects of `engine` the same bits for n of the images, in any order.
void expect_same_bits(CompiledUNet& engine, const SomeImages& images,
                      const std::vector<float>& wanted, int64_t n, uint64_t seed) {
  std::vector<int64_t> order(static_cast<size_t>(images.count));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::mt19937_64 bits(seed);
  std::shuffle(order.begin(), order.end(), bits);
  order.resize(static_cast<size_t>(n));
  const std::vector<float> got = predict(engine, images.some(order));
  const size_t size = wanted.size() / static_cast<size_t>(images.count);
  for (size_t i = 0; i < order.size(); ++i) {
    const auto begin = wanted.begin() + order[i] * static_cast<int64_t>(size);
    EXPECT_TRUE(std::equal(begin, begin + static_cast<int64_t>(size),
                           got.begin() + static_cast<int64_t>(i * size)))
        << "image " << order[i] << " at place " << i << " of " << n << ", "
        << engine.options().threads << " threads, " << name_of(*engine.options().path);
  }
}

void expect_same_bits_anywhere(const UNetConfig& config, const TensorSource& tensors,
                               const SomeImages& images, const EngineOptions& options) {
  const std::vector<float> wanted = alone(config, tensors, images, options);
  for (const int64_t threads : {1, 2, 3}) {
    EngineOptions more = options;
    more.at_once = images.count;
    more.threads = threads;
    CompiledUNet engine(config, tensors, more);
    for (const int64_t n : {16, 1, 7, 2, 3, 16}) {
      expect_same_bits(engine, images, wanted, n, static_cast<uint64_t>(n + 100 * threads));
    }
  }
}

// check(config, tensors, 16 images) for the network of each seed.
template <typename Check>
void for_networks(std::initializer_list<uint64_t> seeds, const Check& check) {
  for (const uint64_t seed : seeds) {
    SCOPED_TRACE(concat("some_unet(", seed, ")"));
    const UNetConfig config = some_unet(seed);
    check(config, golden_source(config), some_images(config, 16, seed));
  }
}

TEST(CompiledUNet, AnImageHasTheSameBitsInAnyBatchAtAnyPlaceAndWithAnyThreads) {
  for_networks({5, 8, 9}, [](const UNetConfig& config, const TensorSource& tensors,
                             const SomeImages& images) {
    for (const CpuPath path : available_cpu_paths()) {
      for (const auto precision : {Precision::kFloat32, Precision::kBFloat16}) {
        expect_same_bits_anywhere(config, tensors, images, {.precision = precision, .path = path});
      }
    }
  });
}

// 16 images of this size are tiles enough for each worker to have its own, and a few are not.
TEST(CompiledUNet, AnImageHasTheSameBitsWhicheverWayTheWorkIsShared) {
  const UNetConfig config = some_unet(12);
  ASSERT_GE(config.height * config.width, 480);
  expect_same_bits_anywhere(config, golden_source(config), some_images(config, 16, 1), {});
}

// One row of the time then stands for all images.
TEST(CompiledUNet, AnImageHasTheSameBitsAmongOthersOfItsTimestep) {
  for_networks({2, 5, 9},
               [](const UNetConfig& config, const TensorSource& tensors, SomeImages images) {
                 images.timesteps.assign(16, images.timesteps.front());
                 expect_same_bits_anywhere(config, tensors, images, {});  // labels differ
                 if (!images.labels.empty()) images.labels.assign(16, images.labels.front());
                 expect_same_bits_anywhere(config, tensors, images, {});
               });
}

// A single image of 28x28 pixels has 49 tiles in 7 rows, those below 16 and 4, of one or two panels
// of channels: few and many threads cut them by tiles, by panels, and by both.
TEST(CompiledUNetThreads, AnImageHasTheSameBitsHoweverItsTilesAreCut) {
  UNetConfig config;
  config.height = config.width = 28;
  const std::vector<int64_t> multipliers{1, 2, 2}, attention{7};
  config.levels = paper_levels(32, multipliers, attention, 28);
  const TensorSource tensors = golden_source(config);
  const SomeImages images = some_images(config, 3, 1);
  for (const auto precision : {Precision::kFloat32, Precision::kBFloat16}) {
    const std::vector<float> wanted = alone(config, tensors, images, {.precision = precision});
    for (const int64_t threads : {2, 3, 4, 5, 8}) {
      for (const int64_t most_transformed : {int64_t{1} << 30, int64_t{0}}) {
        CompiledUNet engine(
            config, tensors,
            {.threads = threads, .precision = precision, .most_transformed = most_transformed});
        for (const int64_t n : {1, 2, 3}) expect_same_bits(engine, images, wanted, n, 1);
      }
    }
  }
}

TEST(CompiledUNet, ItsBitsDoNotDependOnWhichTimesAreKept) {
  const UNetConfig config =
      some_unet_with([](const UNetConfig& it) { return it.classes > 1 && it.learned_times == 0; });
  SomeImages images = some_images(config, 6, 1);
  images.timesteps = {0, 4, 5, 999, 1000, 123456};
  const std::vector<float> wanted = alone(config, golden_source(config), images, {.kept_times = 0});
  for (const int64_t kept : {1, 5, 1000, 2000}) {
    CompiledUNet engine(config, golden_source(config), {.threads = 2, .kept_times = kept});
    for (int call = 0; call < 3; ++call) expect_same_bits(engine, images, wanted, 6, 1);
  }
}

// 16 images of the largest one are tiles enough to make them for all tiles at once.
TEST(CompiledUNet, ItsBitsDoNotDependOnWhetherTransformedKernelsAreKept) {
  for_networks({2, 5, 12}, [](const UNetConfig& config, const TensorSource& tensors,
                              const SomeImages& images) {
    for (const auto precision : {Precision::kFloat32, Precision::kBFloat16}) {
      EngineOptions options{.precision = precision};
      const std::vector<float> wanted = alone(config, tensors, images, options);
      const int64_t kept = CompiledUNet(config, tensors, options).weight_bytes();
      options.most_transformed = 0;
      for (const int64_t threads : {1, 2, 3}) {
        options.threads = threads;
        CompiledUNet engine(config, tensors, options);
        EXPECT_LT(engine.weight_bytes(), kept);
        for (const int64_t n : {16, 1, 3}) {
          expect_same_bits(engine, images, wanted, n, static_cast<uint64_t>(n + 100 * threads));
        }
      }
    }
  });
}

// What is shared in a call of some images is not had by each worker for all of them.
TEST(CompiledUNet, MoreWorkersTakeNoMoreMemoryThanAsManyEngines) {
  UNetConfig config;
  const std::vector<int64_t> multipliers{1}, attention{16};
  config.height = config.width = 16;
  config.levels = paper_levels(32, multipliers, attention, 16);
  const TensorSource tensors = golden_source(config);
  const int64_t one = CompiledUNet(config, tensors, {.at_once = 4, .threads = 1}).arena_bytes();
  for (const int64_t threads : {2, 4, 8}) {
    CompiledUNet engine(config, tensors, {.at_once = 4 * threads, .threads = threads});
    EXPECT_LE(engine.arena_bytes(), threads * one + 8192) << threads << " threads";
  }
}

// Small, for where threads are watched.
TEST(CompiledUNetThreads, FourOfThemHaveAnImageEachAndShareTwoMore) {
  const UNetConfig config = some_unet(3, 4);
  const SomeImages images = some_images(config, 6, 1);
  const std::vector<float> wanted = alone(config, golden_source(config), images, {});
  CompiledUNet engine(config, golden_source(config), {.at_once = 6, .threads = 4});
  for (int call = 0; call < 3; ++call) EXPECT_EQ(predict(engine, images), wanted);
  const auto began = std::chrono::steady_clock::now();
  double all = 0.0;
  for (const OperationTime& one : engine.profile(6, 1)) all += one.seconds;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
  EXPECT_GT(all, 0.0);
  EXPECT_LE(all, passed.count());  // what others do meanwhile is not counted again
}

}  // namespace
}  // namespace ddpm
