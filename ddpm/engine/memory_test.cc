#include "ddpm/engine/memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace ddpm {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;

// Bytes of the machine's memory behind [begin, begin + size), whole pages that are mapped.
int64_t resident(std::byte* begin, int64_t size) {
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  std::vector<unsigned char> pages(static_cast<size_t>(size / page));
  EXPECT_EQ(::mincore(begin, static_cast<size_t>(size), pages.data()), 0);
  return page * std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return p & 1; });
}

TEST(Memory, BeginsAtALineOfTheCacheOrALargePage) {
  for (const int64_t bytes : {int64_t{1}, int64_t{65}, kMebibyte, 2 * kMebibyte, 5 * kMebibyte}) {
    Memory memory(bytes);
    const int64_t wanted = bytes >= 2 * kMebibyte ? 2 * kMebibyte : 64;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.bytes()) % static_cast<uintptr_t>(wanted), 0u);
    EXPECT_EQ(memory.size(), bytes);
    std::memset(memory.bytes(), 1, static_cast<size_t>(bytes));
  }
}

// Where the system has large pages, a few bytes in the last one must not take all of it. So large
// that no allocator makes it from what it had before.
TEST(Memory, TakesAtMostHalfALargePageMoreThanIsWritten) {
  for (const int64_t tail :
       {int64_t{1}, int64_t{16384}, kMebibyte - 1, kMebibyte, 3 * kMebibyte / 2}) {
    const int64_t bytes = 64 * kMebibyte + tail;
    Memory memory(bytes);
    std::memset(memory.bytes(), 1, static_cast<size_t>(bytes));
    const int64_t taken = resident(memory.bytes(), 66 * kMebibyte);
    EXPECT_GE(taken, bytes);
    EXPECT_LE(taken, bytes + kMebibyte) << "of " << bytes;
  }
}

}  // namespace
}  // namespace ddpm
