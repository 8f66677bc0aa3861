#include "ddpm/engine/packed_matrix.h"

#include <algorithm>

namespace ddpm {

void multiply_panel(const Kernels& kernels, const PanelProduct& product) {
  const int64_t at = panel_offset(product.panel, product.k_blocks * kLanes);
  const int64_t width = columns_of_panel(product.panel, product.columns);
  if (product.precision == Precision::kFloat32) {
    kernels.gemm({.a = reinterpret_cast<const float* const*>(product.a),
                  .k_blocks = product.k_blocks,
                  .b = reinterpret_cast<const float*>(product.b) + at,
                  .columns = width,
                  .rows = product.rows,
                  .c = {product.c0, product.c1}});
  } else {
    kernels.gemm_bf16({.a = reinterpret_cast<const uint16_t* const*>(product.a),
                       .k_blocks = product.k_blocks,
                       .b = reinterpret_cast<const uint16_t*>(product.b) + at,
                       .columns = width,
                       .rows = product.rows,
                       .c = {product.c0, product.c1}});
  }
}

PackedMatrix::PackedMatrix(Precision precision, int64_t matrices, int64_t k, int64_t columns)
    : precision_(precision),
      matrices_(matrices),
      k_(k),
      columns_(columns),
      memory_(matrices * packed_size(k, columns) * size_of_factor(precision)) {}

void PackedMatrix::fill(const float* panels) {
  const int64_t size = packed_size(k_, columns_);
  if (precision_ == Precision::kFloat32) {
    std::copy_n(panels, matrices_ * size, memory_.as<float>());
    return;
  }
  for (int64_t m = 0; m < matrices_; ++m) {
    panels_to_bf16(panels + m * size, k_blocks(), columns_, memory_.as<uint16_t>() + m * size);
  }
}

void PackedMatrix::fill_panel(int64_t panel, FunctionRef<void(int64_t stride, float* to)> make) {
  const int64_t size = packed_size(k_, columns_), at = panel_offset(panel, k_);
  if (precision_ == Precision::kFloat32) {
    make(size, memory_.as<float>() + at);
    return;
  }
  const int64_t width = columns_of_panel(panel, columns_);
  std::vector<float> wide(static_cast<size_t>(matrices_ * k_ * width));
  make(k_ * width, wide.data());
  for (int64_t m = 0; m < matrices_; ++m) {
    panels_to_bf16(wide.data() + m * k_ * width, k_blocks(), width,
                   memory_.as<uint16_t>() + m * size + at);
  }
}

void PackedMatrix::multiply(const Kernels& kernels, int64_t matrix, int64_t panel,
                            const void* const* a, int64_t rows, float* c0, float* c1) const {
  const int64_t size = packed_size(k_, columns_) * size_of_factor(precision_);
  multiply_panel(kernels, {.precision = precision_,
                           .a = a,
                           .k_blocks = k_blocks(),
                           .b = memory_.bytes() + matrix * size,
                           .columns = columns_,
                           .panel = panel,
                           .rows = rows,
                           .c0 = c0,
                           .c1 = c1});
}

PackedMatrix pack_linear(Precision precision, const std::vector<float>& weights, int64_t in,
                         int64_t out) {
  const int64_t k = blocks_of(in) * kLanes;
  std::vector<float> panels(static_cast<size_t>(packed_size(k, out)));
  pack_panels(
      in, out, [&](int64_t i, int64_t j) { return weights[static_cast<size_t>(j * in + i)]; },
      panels.data());
  PackedMatrix packed(precision, 1, k, out);
  packed.fill(panels.data());
  return packed;
}

}  // namespace ddpm
