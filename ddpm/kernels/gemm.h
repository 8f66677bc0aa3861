// Products of matrices in the layout of the engine: A from blocks of sixteen channels, B packed
// once.
//
// An activation lies in blocks of 16 channels: block b holds [rows][16] of channels 16 b to
// 16 b + 15, rows being pixels, tiles or positions; channels that fill up the last block are 0. B
// is packed in panels of 32 columns, the last of 16 if that is enough:
//   float32   panel [k][columns]
//   bfloat16  panel [k / 2][columns][2], k even
// Each element of C is one chain of multiply-adds over k in ascending order, however many rows are
// asked for at once: a row's bits do not depend on its neighbours.

#pragma once

#include <cstdint>
#include <vector>

namespace ddpm {

inline constexpr int64_t kLanes = 16;         // channels of a block
inline constexpr int64_t kPanelColumns = 32;  // columns of a full panel

constexpr int64_t blocks_of(int64_t channels) { return (channels + kLanes - 1) / kLanes; }

// The panels of a matrix of `columns` columns, and where panel p begins in values of B.
constexpr int64_t panels_of(int64_t columns) {
  return (columns + kPanelColumns - 1) / kPanelColumns;
}
constexpr int64_t columns_of_panel(int64_t panel, int64_t columns) {
  return columns - panel * kPanelColumns > kLanes ? kPanelColumns : kLanes;
}
// Values of B for k rows: as many for float32 as for bfloat16.
constexpr int64_t packed_size(int64_t k, int64_t columns) {
  return k * (blocks_of(columns) * kLanes);
}
constexpr int64_t panel_offset(int64_t panel, int64_t k) { return panel * kPanelColumns * k; }

// C[t][j] = sum over k of A[t][k] B[k][j] for one panel.
//   a          one pointer for each block of 16 k: [rows][16], 4-byte alignment
//   k_blocks   at least 1
//   b          the panel, of `columns` 16 or 32 columns
//   c          one pointer for each 16 columns: float32 [rows][16]; overlaps nothing
// Error: that of a chain of k fused multiply-adds; with bfloat16 the two products of a pair are
// added as the path adds them (vdpbf16ps, or one after the other).
struct GemmPanel {
  const float* const* a;
  int64_t k_blocks;
  const float* b;
  int64_t columns;
  int64_t rows;
  float* c[2];
};
struct GemmPanelBf16 {
  const uint16_t* const* a;
  int64_t k_blocks;
  const uint16_t* b;
  int64_t columns;
  int64_t rows;
  float* c[2];
};

// B of one of the products from an activation [rows][16 k_blocks] in blocks, for the products of
// attention: B = A itself, or its transpose.
//   a        one pointer for each block: [rows][16]
//   rows     become B's k or, transposed, its columns; what fills them up to a multiple of 16 is 0
//   panels   as many values as A in blocks has with its rows filled up, of one number type
struct PackActivation {
  const float* const* a;
  int64_t a_blocks;
  int64_t rows;
  float* panels;
  uint16_t* panels_bf16;  // nullptr: float32
};

// The definition, in float64: row-major a [rows][k], b [k][columns], c [rows][columns].
std::vector<double> gemm_reference(const std::vector<double>& a, const std::vector<double>& b,
                                   int64_t rows, int64_t k, int64_t columns);

// Packs b(k, column), which is asked for k below k_count and column below `columns`; what fills up
// the last block of k and of columns is 0. Writes packed_size(16 * blocks_of(k_count), columns).
template <typename Element>
void pack_panels(int64_t k_count, int64_t columns, const Element& b, float* packed) {
  const int64_t k_all = blocks_of(k_count) * kLanes;
  for (int64_t p = 0; p < panels_of(columns); ++p) {
    const int64_t width = columns_of_panel(p, columns);
    for (int64_t k = 0; k < k_all; ++k) {
      for (int64_t i = 0; i < width; ++i) {
        const int64_t j = p * kPanelColumns + i;
        *packed++ = k < k_count && j < columns ? static_cast<float>(b(k, j)) : 0.0F;
      }
    }
  }
}

// The nearest bfloat16, ties to even; not for NaN.
uint16_t to_bf16(float x);
float from_bf16(uint16_t bits);

// The bfloat16 panels of float32 ones.
//   packed  packed_size(16 * k_blocks, columns) values, as is the result
void panels_to_bf16(const float* packed, int64_t k_blocks, int64_t columns, uint16_t* result);

}  // namespace ddpm
