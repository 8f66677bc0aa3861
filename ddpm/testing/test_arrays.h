// Arrays for the tests of kernels: random values, sentinels behind the end, blocks of channels.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "ddpm/kernels/gemm.h"

namespace ddpm {

inline std::vector<double> random_values(int64_t count, uint64_t seed, double scale = 1.0) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal(0.0, scale);
  std::vector<double> values(static_cast<size_t>(count));
  // float32 values, so that what is compared in float64 starts from the same numbers
  for (double& value : values) value = static_cast<double>(static_cast<float>(normal(bits)));
  return values;
}

// The same as bfloat16 holds them.
inline std::vector<double> rounded_to_bf16(std::vector<double> values) {
  for (double& value : values) {
    value = static_cast<double>(from_bf16(to_bf16(static_cast<float>(value))));
  }
  return values;
}

// Values with sentinels before and behind, which a kernel must not touch; all begin as NaN, so that
// one that is read before it is written shows.
template <typename Value>
class Guarded {
 public:
  explicit Guarded(int64_t count)
      : values_(static_cast<size_t>(count) + 2 * kGuard, sentinel()), count_(count) {}

  Value* data() { return values_.data() + kGuard; }
  Value& operator[](int64_t i) { return data()[i]; }

  bool guards_hold() const {
    const Value wanted = sentinel();
    for (size_t i = 0; i < kGuard; ++i) {
      if (!same(values_[i], wanted)) return false;
      if (!same(values_[values_.size() - 1 - i], wanted)) return false;
    }
    return true;
  }
  int64_t size() const { return count_; }

 private:
  static constexpr size_t kGuard = 67;
  static Value sentinel() {
    if constexpr (sizeof(Value) == 2) return static_cast<Value>(0x7fc1);  // a NaN of bfloat16
    return static_cast<Value>(std::nanf("1"));
  }
  static bool same(Value a, Value b) { return a == b || (a != a && b != b); }

  std::vector<Value> values_;
  int64_t count_;
};

// [rows][channels] -> blocks of 16 channels, [blocks][rows][16], what fills up 0.
inline Guarded<float> to_blocks(const std::vector<double>& values, int64_t rows, int64_t channels) {
  Guarded<float> blocks(blocks_of(channels) * rows * kLanes);
  for (int64_t i = 0; i < blocks.size(); ++i) {
    const int64_t channel = i / (rows * kLanes) * kLanes + i % kLanes;
    const int64_t row = i / kLanes % rows;
    blocks[i] = channel < channels
                    ? static_cast<float>(values[static_cast<size_t>(row * channels + channel)])
                    : 0.0F;
  }
  return blocks;
}

// And back.
inline std::vector<double> from_blocks(const float* blocks, int64_t rows, int64_t channels) {
  std::vector<double> values;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < channels; ++c) {
      values.push_back(
          static_cast<double>(blocks[(c / kLanes * rows + row) * kLanes + c % kLanes]));
    }
  }
  return values;
}

inline double largest_of(const std::vector<double>& values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

// Root mean square of the difference over that of `wanted`.
inline double relative_rms(const std::vector<double>& got, const std::vector<double>& wanted) {
  double apart = 0.0, all = 0.0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    apart += (got[i] - wanted[i]) * (got[i] - wanted[i]);
    all += wanted[i] * wanted[i];
  }
  return std::sqrt(apart / all);
}

}  // namespace ddpm
