// What is done to single values: SiLU, softmax, normalisation, the end of a product.
//
// Arrays are in blocks of 16 channels, see gemm.h; they need no alignment.

#pragma once

#include <cstdint>

#include "ddpm/kernels/gemm.h"

namespace ddpm {

// Mean and sum of squared deviations of each of the 16 channels of x [pixels][16], pixels >= 1.
// Deviations from a number near the mean of 64 pixels are summed in float32, those of all put
// together in float64: an error of 1e-6 of the standard deviation, however far the mean is from 0,
// as far as the float32 numbers themselves tell it.
struct Moments {
  double mean[kLanes];
  double deviations[kLanes];
};

// y = f((x - mean) * gain + shift) for [pixels][16], with f SiLU or nothing.
//   y, y_bf16  one of the two; y may be x
struct Normalise {
  const float* x;
  int64_t pixels;
  const float* mean;  // 16 each
  const float* gain;
  const float* shift;
  bool silu;
  float* y;
  uint16_t* y_bf16;  // nullptr: float32
};

// Softmax of each row of s, rows of `columns` values that lie in blocks of 16: block j at
// s + j * block_stride, [rows][16]. What fills up the last block becomes 0.
//   p_bf16  the result in the same layout, strides in values; nullptr: in place
// Relative error at most 4e-7, and 6e-8 times the distance of s from the row's largest, which is
// rounded, and 4e-9 times the columns, a sixteenth of which are added one after the other; a value
// below e^-87 is e^-87 of the largest.
struct Softmax {
  float* s;
  int64_t block_stride;
  int64_t rows;
  int64_t columns;
  uint16_t* p_bf16;
};

// y = (c + bias + residual) * scale for [rows][16]; y may be c or residual.
struct Finish {
  const float* c;
  int64_t rows;
  const float* bias;      // 16
  const float* residual;  // [rows][16] or nullptr
  float scale;
  float* y;
};

// The definitions, in float64.
double silu_reference(double x);
void softmax_reference(double* row, int64_t columns);

}  // namespace ddpm
