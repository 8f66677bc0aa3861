#include "ddpm/kernels/gemm.h"

#include <bit>
#include <cstddef>

namespace ddpm {

std::vector<double> gemm_reference(const std::vector<double>& a, const std::vector<double>& b,
                                   int64_t rows, int64_t k, int64_t columns) {
  std::vector<double> c(static_cast<size_t>(rows * columns), 0.0);
  for (int64_t t = 0; t < rows; ++t) {
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        c[static_cast<size_t>(t * columns + j)] +=
            a[static_cast<size_t>(t * k + i)] * b[static_cast<size_t>(i * columns + j)];
      }
    }
  }
  return c;
}

uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float from_bf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

void panels_to_bf16(const float* packed, int64_t k_blocks, int64_t columns, uint16_t* result) {
  const int64_t k = k_blocks * kLanes;
  for (int64_t p = 0; p < panels_of(columns); ++p) {
    const int64_t width = columns_of_panel(p, columns);
    for (int64_t pair = 0; pair < k / 2; ++pair) {
      for (int64_t j = 0; j < width; ++j) {
        *result++ = to_bf16(packed[j]);
        *result++ = to_bf16(packed[width + j]);
      }
      packed += 2 * width;
    }
  }
}

}  // namespace ddpm
