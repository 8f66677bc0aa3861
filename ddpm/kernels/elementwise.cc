#include "ddpm/kernels/elementwise.h"

#include <algorithm>
#include <cmath>

namespace ddpm {

double silu_reference(double x) { return x / (1.0 + std::exp(-x)); }

void softmax_reference(double* row, int64_t columns) {
  const double largest = *std::max_element(row, row + columns);
  double sum = 0.0;
  for (int64_t j = 0; j < columns; ++j) sum += row[j] = std::exp(row[j] - largest);
  for (int64_t j = 0; j < columns; ++j) row[j] /= sum;
}

}  // namespace ddpm
