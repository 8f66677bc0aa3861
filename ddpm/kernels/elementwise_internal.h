// What elementwise.h declares, over the vectors of the path that includes it.

#pragma once

#include "ddpm/kernels/elementwise.h"

namespace ddpm {
namespace {

// e^x for x in [-87, 88], nearer ends for what is beyond them: 2^n e^r with |r| <= ln 2 / 2, where
// 1 + r + r^2 q(r) with the q of degree 4 of the least largest error is within 4e-9 of the value
// (q by least squares whose weights follow the errors). Relative error at most 2e-7. NaN stays.
inline F16 exponential(const F16& x) {
  const F16 in_range = smaller(broadcast(88.0F), larger(broadcast(-87.0F), x));
  const F16 n = nearest(in_range * broadcast(1.44269504F));
  const F16 high = subtract_product(n, broadcast(0.693145752F), in_range);  // 15 bits of ln 2
  const F16 r = subtract_product(n, broadcast(1.42860677e-6F), high);       // and the rest
  F16 sum = broadcast(0x1.6a241ap-10F);
  for (const float coefficient :
       {0x1.1239f2p-7F, 0x1.5558f2p-5F, 0x1.555492p-3F, 0x1.fffffcp-2F, 1.0F, 1.0F}) {
    sum = multiply_add(sum, r, broadcast(coefficient));
  }
  return scaled_by_power(sum, n);
}

inline F16 silu_of(const F16& x) {
  const F16 one = broadcast(1.0F);
  return x / (one + exponential(broadcast(0.0F) - x));
}

// x [values], a multiple of 16, in place.
inline void silu(float* x, int64_t values) {
  for (int64_t i = 0; i < values; i += kLanes) store(x + i, silu_of(load(x + i)));
}

// x [values], a multiple of 16.
inline void convert_to_bf16(const float* x, int64_t values, uint16_t* result) {
  for (int64_t i = 0; i < values; i += kLanes) store_bfloat16(result + i, load(x + i));
}

inline constexpr int64_t kChunk = 64;  // pixels whose mean is taken at once

inline constexpr int kSums = 4;  // side by side, so that one need not wait for another

inline F16 all_of(const F16 (&sums)[kSums]) { return (sums[0] + sums[1]) + (sums[2] + sums[3]); }

// add(i, k) for each pixel: the i-th goes to the k-th of the sums.
template <typename Add>
inline void add_all(int64_t pixels, const Add& add) {
  int64_t i = 0;
  for (; i + kSums <= pixels; i += kSums) {
    for (int k = 0; k < kSums; ++k) add(i + k, k);
  }
  for (; i < pixels; ++i) add(i, 0);
}

inline F16 sum_of(const float* x, int64_t pixels) {
  const F16 zero = broadcast(0.0F);
  F16 sums[kSums] = {zero, zero, zero, zero};
  add_all(pixels, [&](int64_t i, int k) { sums[k] = sums[k] + load(x + i * kLanes); });
  return all_of(sums);
}

// The sum of the deviations from `near`, and of their squares.
inline void deviations(const float* x, int64_t pixels, const F16& near, F16* off, F16* squares) {
  const F16 zero = broadcast(0.0F);
  F16 offs[kSums] = {zero, zero, zero, zero}, squared[kSums] = {zero, zero, zero, zero};
  add_all(pixels, [&](int64_t i, int k) {
    const F16 d = load(x + i * kLanes) - near;
    offs[k] = offs[k] + d;
    squared[k] = multiply_add(d, d, squared[k]);
  });
  *off = all_of(offs);
  *squares = all_of(squared);
}

// Puts the moments of `count` more pixels to those of `before`.
//   near     16 numbers near the means of these pixels
//   off      the sum of their deviations from it
//   squares  and of the squares
inline void add_chunk(const F16& near, const F16& off, const F16& squares, int64_t before,
                      int64_t count, Moments* result) {
  float nears[kLanes], offs[kLanes], squared[kLanes];
  store(nears, near);
  store(offs, off);
  store(squared, squares);
  const auto n = static_cast<double>(count), all = static_cast<double>(before + count);
  for (int64_t i = 0; i < kLanes; ++i) {
    const double shift = static_cast<double>(offs[i]) / n;
    const double apart = static_cast<double>(nears[i]) + shift - result->mean[i];
    result->mean[i] += apart * n / all;
    result->deviations[i] += static_cast<double>(squared[i]) - shift * shift * n +
                             apart * apart * static_cast<double>(before) * n / all;
  }
}

inline void moments(const float* x, int64_t pixels, Moments* result) {
  for (int64_t i = 0; i < kLanes; ++i) result->mean[i] = result->deviations[i] = 0.0;
  for (int64_t first = 0; first < pixels; first += kChunk) {
    const int64_t count = pixels - first < kChunk ? pixels - first : kChunk;
    const float* chunk = x + first * kLanes;
    const F16 pixels_here = broadcast(static_cast<float>(count));
    const F16 near = sum_of(chunk, count) / pixels_here;  // the mean, but for its rounding
    F16 off, squares;
    deviations(chunk, count, near, &off, &squares);
    add_chunk(near, off, squares, first, count, result);
  }
}

inline void normalise(const Normalise& call) {
  const F16 mean = load(call.mean), gain = load(call.gain), shift = load(call.shift);
  for (int64_t i = 0; i < call.pixels * kLanes; i += kLanes) {
    F16 y = multiply_add(load(call.x + i) - mean, gain, shift);
    if (call.silu) y = silu_of(y);
    if (call.y_bf16 != nullptr) {
      store_bfloat16(call.y_bf16 + i, y);
    } else {
      store(call.y + i, y);
    }
  }
}

inline float largest_lane(const F16& x) {
  float lanes[kLanes];
  store(lanes, x);
  float largest = lanes[0];
  for (int64_t i = 1; i < kLanes; ++i) largest = lanes[i] > largest ? lanes[i] : largest;
  return largest;
}

inline double lanes_added(const F16& x) {
  float lanes[kLanes];
  store(lanes, x);
  double sum = 0.0;
  for (int64_t i = 0; i < kLanes; ++i) sum += static_cast<double>(lanes[i]);
  return sum;
}

inline void softmax_row(const Softmax& call, int64_t row) {
  const int64_t blocks = blocks_of(call.columns);
  float* s = call.s + row * kLanes;
  float* last = s + (blocks - 1) * call.block_stride;
  float counts[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) {
    const bool used = (blocks - 1) * kLanes + i < call.columns;
    counts[i] = used ? 1.0F : 0.0F;
    if (!used) last[i] = last[0];
  }
  F16 largest = load(s);
  for (int64_t j = 1; j < blocks; ++j) largest = larger(largest, load(s + j * call.block_stride));
  const F16 top = broadcast(largest_lane(largest));
  F16 sum = broadcast(0.0F);
  for (int64_t j = 0; j < blocks; ++j) {
    F16 p = exponential(load(s + j * call.block_stride) - top);
    if (j + 1 == blocks) p = p * load(counts);
    sum = sum + p;
    store(s + j * call.block_stride, p);
  }
  const F16 share = broadcast(static_cast<float>(1.0 / lanes_added(sum)));
  for (int64_t j = 0; j < blocks; ++j) {
    const F16 p = load(s + j * call.block_stride) * share;
    if (call.p_bf16 != nullptr) {
      store_bfloat16(call.p_bf16 + j * call.block_stride + row * kLanes, p);
    } else {
      store(s + j * call.block_stride, p);
    }
  }
}

inline void softmax(const Softmax& call) {
  for (int64_t row = 0; row < call.rows; ++row) softmax_row(call, row);
}

inline void finish(const Finish& call) {
  const F16 bias = load(call.bias), scale = broadcast(call.scale);
  for (int64_t i = 0; i < call.rows * kLanes; i += kLanes) {
    F16 y = load(call.c + i) + bias;
    if (call.residual != nullptr) y = y + load(call.residual + i);
    store(call.y + i, y * scale);
  }
}

}  // namespace
}  // namespace ddpm
