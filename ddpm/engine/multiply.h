// Products of activations with weights: the work cut into parts, the operands brought into reach.

#pragma once

#include <cstdint>

#include "ddpm/engine/function_ref.h"
#include "ddpm/engine/packed_matrix.h"
#include "ddpm/engine/step.h"

namespace ddpm {

// Blocks of 16 channels one behind the other: block b at data + b * stride.
template <typename Value>
struct Blocks {
  Value* data = nullptr;
  int64_t stride = 0;

  Value* operator[](int64_t block) const { return data + block * stride; }
};

// What happens to the product C: y = (C + bias + residual) / divisor.
struct ProductEnd {
  Blocks<float> y;                    // [rows][16]
  const float* bias = nullptr;        // full blocks; nullptr: none
  Blocks<const float> residual = {};  // [rows][16]; no data: none
  double divisor = 1.0;
};

// Where the rows of A come from.
struct ProductRows {
  int64_t rows;
  int64_t scratch;  // floats that `bring` may use for 1 row, if it makes them first
  // Sets blocks[b] to the 16 values a row of rows [first, first + count) that are A's b-th block.
  FunctionRef<void(int64_t first, int64_t count, float* scratch, const float** blocks)> bring;
};

// Rows that are worked on at once.
inline constexpr int64_t kProductRows = 64;

ScratchNeed scratch_of_product(const PackedMatrix& b, int64_t scratch_per_row);

void multiply(const Pass& pass, const PackedMatrix& b, const ProductRows& rows,
              const ProductEnd& end);

// The same where the rows of A lie ready: block b of all of them at block(b).
void multiply(const Pass& pass, const PackedMatrix& b, int64_t rows,
              FunctionRef<const float*(int64_t block)> block, const ProductEnd& end);

}  // namespace ddpm
