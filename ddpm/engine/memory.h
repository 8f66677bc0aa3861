// Memory for numbers that kernels read: aligned, in large pages where the system has them and they
// are filled.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace ddpm {

// Bytes that begin at a multiple of 64 (of 2 MiB if there are that many); moved, not copied. What
// is never written takes no memory of the machine. In builds with assertions all begin as NaN, so
// that a number that is read before it is written shows.
class Memory {
 public:
  Memory() = default;
  // Throws std::bad_alloc.
  explicit Memory(int64_t bytes);

  std::byte* bytes() { return bytes_.get(); }
  const std::byte* bytes() const { return bytes_.get(); }
  template <typename Value>
  Value* as() {
    return reinterpret_cast<Value*>(bytes_.get());
  }
  template <typename Value>
  const Value* as() const {
    return reinterpret_cast<const Value*>(bytes_.get());
  }
  int64_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte, Free> bytes_;
  int64_t size_ = 0;
};

// Hands out pieces of a scratch area one behind the other, each aligned to 64 bytes.
class Scratch {
 public:
  explicit Scratch(std::byte* begin) : next_(begin) {}

  template <typename Value>
  Value* take(int64_t count) {
    std::byte* piece = next_;
    next_ += size_of<Value>(count);
    return reinterpret_cast<Value*>(piece);
  }
  // What take takes.
  template <typename Value>
  static int64_t size_of(int64_t count) {
    constexpr int64_t kAlignment = 64;
    const int64_t bytes = count * static_cast<int64_t>(sizeof(Value));
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

 private:
  std::byte* next_;
};

}  // namespace ddpm
