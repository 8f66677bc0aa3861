#include "ddpm/base/process_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <span>

namespace ddpm {
namespace {

TEST(ProcessMemory, ResidentBytesSeeWhatIsTouched) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the thread sanitizer keeps a shadow of what is touched";
#endif
  // from the system: what other tests have freed may be resident already
  constexpr size_t kBytes = 64 << 20;
  void* fresh = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(fresh, MAP_FAILED);
  const int64_t before = resident_bytes();
  const std::span<char> touched(static_cast<char*>(fresh), kBytes);
  std::fill(touched.begin(), touched.end(), 'x');
  EXPECT_NEAR(static_cast<double>(resident_bytes() - before), static_cast<double>(kBytes), 4e6);
  // the system collects a thread's pages in batches of 64, so the two may differ by a few of them
  constexpr int64_t kBatches = int64_t{1} << 20;
  EXPECT_GE(peak_memory_bytes() + kBatches, resident_bytes());
  EXPECT_EQ(touched[kBytes - 1], 'x');
  ::munmap(fresh, kBytes);
}

}  // namespace
}  // namespace ddpm
