#include "ddpm/engine/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace ddpm {

namespace {

constexpr int64_t kCacheLine = 64;
constexpr int64_t kLargePage = int64_t{1} << 21;

}  // namespace

void Memory::Free::operator()(std::byte* bytes) const { std::free(bytes); }

Memory::Memory(int64_t bytes) : size_(bytes) {
  const int64_t alignment = bytes >= kLargePage ? kLargePage : kCacheLine;
  const int64_t whole = (bytes + alignment - 1) / alignment * alignment;
  void* got = std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(whole));
  if (got == nullptr) throw std::bad_alloc();
  if (bytes >= kLargePage) ::madvise(got, static_cast<size_t>(whole), MADV_HUGEPAGE);
  bytes_.reset(static_cast<std::byte*>(got));
#ifndef NDEBUG
  std::memset(got, 0xff, static_cast<size_t>(whole));
#endif
}

}  // namespace ddpm
