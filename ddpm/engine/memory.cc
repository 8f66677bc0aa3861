#include "ddpm/engine/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace ddpm {

namespace {

constexpr int64_t kCacheLine = 64;
constexpr int64_t kLargePage = int64_t{1} << 21;

// Bytes at the front that large pages are worth: those that are filled, and the last one if half of
// it is. A page is taken whole when any of it is written, and weights often need some kilobytes
// more than a power of two.
int64_t in_large_pages(int64_t bytes) { return (bytes + kLargePage / 2) / kLargePage * kLargePage; }

}  // namespace

void Memory::Free::operator()(std::byte* bytes) const { std::free(bytes); }

Memory::Memory(int64_t bytes) : size_(bytes) {
  const int64_t alignment = bytes >= kLargePage ? kLargePage : kCacheLine;
  const int64_t whole = (bytes + alignment - 1) / alignment * alignment;
  void* got = std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(whole));
  if (got == nullptr) throw std::bad_alloc();
  bytes_.reset(static_cast<std::byte*>(got));
  if (bytes >= kLargePage) {
    const int64_t large = in_large_pages(bytes);
    ::madvise(bytes_.get(), static_cast<size_t>(large), MADV_HUGEPAGE);
    ::madvise(bytes_.get() + large, static_cast<size_t>(whole - large), MADV_NOHUGEPAGE);
  }
#ifndef NDEBUG
  std::memset(got, 0xff, static_cast<size_t>(bytes));
#endif
}

}  // namespace ddpm
