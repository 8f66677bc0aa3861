// That predict allocates nothing: this program's malloc counts, for whoever asks for memory.

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "ddpm/testing/engine_images.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define DDPM_COUNTS_ALLOCATIONS
#endif

namespace {

// Of all threads, while they are counted.
std::atomic<bool> counting{false};
std::atomic<int64_t> allocations{0};

[[maybe_unused]] void count_one() {
  if (counting.load(std::memory_order_relaxed)) ++allocations;
}

}  // namespace

#ifdef DDPM_COUNTS_ALLOCATIONS
// glibc's own, under the names that a program may not replace; free stays glibc's.
extern "C" {
void* __libc_malloc(size_t bytes);                      // NOLINT
void* __libc_calloc(size_t count, size_t bytes);        // NOLINT
void* __libc_realloc(void* old, size_t bytes);          // NOLINT
void* __libc_memalign(size_t alignment, size_t bytes);  // NOLINT

void* malloc(size_t bytes) noexcept {
  count_one();
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) noexcept {
  count_one();
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, size_t bytes) noexcept {
  count_one();
  return __libc_realloc(old, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) noexcept {
  count_one();
  return __libc_memalign(alignment, bytes);
}
}
#endif

namespace ddpm {
namespace {

template <typename Act>
int64_t allocations_of(const Act& act) {
  allocations = 0;
  counting = true;
  act();
  counting = false;
  return allocations.load();
}

class Allocations : public testing::Test {
 protected:
  void SetUp() override {
#ifndef DDPM_COUNTS_ALLOCATIONS
    GTEST_SKIP() << "malloc belongs to a sanitizer, or is not glibc's";
#endif
  }
};

TEST_F(Allocations, AreCounted) {
  std::vector<double> numbers;
  EXPECT_EQ(allocations_of([&] { numbers.resize(1000); }), 1);
  EXPECT_EQ(allocations_of([&] { numbers.clear(); }), 0);
  EXPECT_GE(allocations_of([] { Memory(1 << 22); }), 1);
}

TEST_F(Allocations, APredictionMakesNone) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const UNetConfig config = some_unet(seed, 3);
    SomeImages images = some_images(config, 5, seed);
    std::vector<float> output(
        static_cast<size_t>(5 * config.output_channels() * config.height * config.width));
    for (const auto precision : {Precision::kFloat32, Precision::kBFloat16}) {
      CompiledUNet engine(config, golden_source(config),
                          {.at_once = 5, .threads = 3, .precision = precision});
      for (const int64_t n : {5, 1, 5}) {  // the first call too, which computes the times' rows
        EXPECT_EQ(allocations_of([&] {
                    engine.predict(images.x.data(), images.timesteps.data(),
                                   images.labels.empty() ? nullptr : images.labels.data(), n,
                                   output.data());
                  }),
                  0)
            << "some_unet(" << seed << "), n = " << n;
      }
    }
  }
}

}  // namespace
}  // namespace ddpm
