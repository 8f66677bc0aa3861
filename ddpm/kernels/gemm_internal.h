// The product of gemm.h, over the vectors of the path that includes it.

#pragma once

#include "ddpm/kernels/gemm.h"

namespace ddpm {
namespace {

// One step of k: `step` values of A a row from `a` on, a row of B at `b`.
struct Float32Product {
  using Value = float;
  static constexpr int kStep = 1;  // of k that one multiply-add takes in
  using Column = F16;
  static Column column(const float* b) { return load(b); }
  static Column row(const float* a) { return broadcast(*a); }
  static F16 add(const F16& sum, const Column& a, const Column& b) {
    return multiply_add(a, b, sum);
  }
};
struct Bfloat16Product {
  using Value = uint16_t;
  static constexpr int kStep = 2;
  using Column = Pairs;
  static Column column(const uint16_t* b) { return load_pairs(b); }
  static Column row(const uint16_t* a) { return broadcast_pair(a); }
  static F16 add(const F16& sum, const Column& a, const Column& b) {
    return add_products(sum, a, b);
  }
};

// `rows` rows from row `first` on, `vectors` vectors of columns from column 16 * `vector` on.
template <typename Product, typename Call, int rows, int vectors>
void gemm_strip(const Call& call, int64_t first, int64_t vector) {
  using Value = typename Product::Value;
  constexpr int kStep = Product::kStep;
  F16 sums[rows][vectors];
  for (int r = 0; r < rows; ++r) {
    for (int v = 0; v < vectors; ++v) sums[r][v] = broadcast(0.0F);
  }
  const Value* b = call.b + vector * kLanes * kStep;
  const int64_t b_step = call.columns * kStep;
  for (int64_t block = 0; block < call.k_blocks; ++block) {
    const Value* a = call.a[block] + first * kLanes;
#pragma GCC unroll 4
    for (int k = 0; k < kLanes; k += kStep) {
      typename Product::Column column[vectors];
      for (int v = 0; v < vectors; ++v) column[v] = Product::column(b + v * kLanes * kStep);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        const auto row = Product::row(a + r * kLanes + k);
        for (int v = 0; v < vectors; ++v) sums[r][v] = Product::add(sums[r][v], row, column[v]);
      }
      b += b_step;
    }
  }
  for (int v = 0; v < vectors; ++v) {
    float* c = call.c[vector + v] + first * kLanes;
    for (int r = 0; r < rows; ++r) store(c + r * kLanes, sums[r][v]);
  }
}

template <typename Product, typename Call, int rows, int vectors>
void gemm_strip_of(int64_t wanted, const Call& call, int64_t first, int64_t vector) {
  if constexpr (rows > 0) {
    if (wanted == rows) {
      gemm_strip<Product, Call, rows, vectors>(call, first, vector);
    } else {
      gemm_strip_of<Product, Call, rows - 1, vectors>(wanted, call, first, vector);
    }
  }
}

// Strips of nearly equal heights: a last one of a row or two would run at a fraction of the speed.
template <typename Product, typename Call, int vectors>
void gemm_columns(const Call& call, int64_t vector) {
  const int64_t strips = (call.rows + kPanelRows - 1) / kPanelRows;
  int64_t first = 0;
  for (int64_t s = 0; s < strips; ++s) {
    const int64_t end = call.rows * (s + 1) / strips;
    gemm_strip_of<Product, Call, kPanelRows, vectors>(end - first, call, first, vector);
    first = end;
  }
}

template <typename Product, typename Call>
void gemm_panel(const Call& call) {
  const int64_t vectors = call.columns / kLanes;
  if (vectors == kPanelVectors) {
    gemm_columns<Product, Call, kPanelVectors>(call, 0);
  } else {
    for (int64_t v = 0; v < vectors; ++v) gemm_columns<Product, Call, 1>(call, v);
  }
}

// Two rows of B in the columns [16 vector, 16 vector + 16) of a panel, `k` even.
inline void store_rows(const PackActivation& call, int64_t panel_begin, int64_t width, int64_t k,
                       int64_t vector, const F16& first, const F16& second) {
  const int64_t at = panel_begin + k * width + vector * kLanes;
  if (call.panels_bf16 != nullptr) {
    store_bfloat16_pairs(call.panels_bf16 + at + vector * kLanes, first, second);
  } else {
    store(call.panels + at, first);
    store(call.panels + at + width, second);
  }
}

// B [rows][channels]: a panel has two blocks side by side.
inline void pack_activation(const PackActivation& call) {
  const int64_t k_all = blocks_of(call.rows) * kLanes, columns = call.a_blocks * kLanes;
  const F16 zero = broadcast(0.0F);
  for (int64_t block = 0; block < call.a_blocks; ++block) {
    const int64_t panel = block / 2, begin = panel_offset(panel, k_all);
    const int64_t width = columns_of_panel(panel, columns);
    const float* a = call.a[block];
    for (int64_t k = 0; k < k_all; k += 2) {
      const F16 first = k < call.rows ? load(a + k * kLanes) : zero;
      const F16 second = k + 1 < call.rows ? load(a + (k + 1) * kLanes) : zero;
      store_rows(call, begin, width, k, block % 2, first, second);
    }
  }
}

// The 16 rows from `row` on, transposed; rows behind the last are 0.
inline void transpose_rows(const float* a, int64_t row, int64_t rows, F16 (&columns)[kLanes]) {
  if (row + kLanes <= rows) {
    transpose(a + row * kLanes, columns);
    return;
  }
  float part[kLanes * kLanes];
  for (int64_t r = 0; r < kLanes; ++r) {
    store(part + r * kLanes, row + r < rows ? load(a + (row + r) * kLanes) : broadcast(0.0F));
  }
  transpose(part, columns);
}

// B [channels][rows]: a panel has 32 rows side by side.
inline void pack_transposed(const PackActivation& call) {
  const int64_t k_all = call.a_blocks * kLanes;
  for (int64_t row = 0; row < call.rows; row += kLanes) {
    const int64_t panel = row / kPanelColumns, begin = panel_offset(panel, k_all);
    const int64_t width = columns_of_panel(panel, call.rows);
    for (int64_t block = 0; block < call.a_blocks; ++block) {
      F16 columns[kLanes];
      transpose_rows(call.a[block], row, call.rows, columns);
      for (int64_t i = 0; i < kLanes; i += 2) {
        store_rows(call, begin, width, block * kLanes + i, row % kPanelColumns / kLanes, columns[i],
                   columns[i + 1]);
      }
    }
  }
}

}  // namespace
}  // namespace ddpm
