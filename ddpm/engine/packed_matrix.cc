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

PackedMatrix::PackedMatrix(Precision precision, int64_t k, int64_t columns)
    : precision_(precision),
      k_(k),
      columns_(columns),
      memory_(packed_size(k, columns) * size_of_factor(precision)) {}

void PackedMatrix::fill(const float* panels) {
  if (precision_ == Precision::kFloat32) {
    std::copy_n(panels, packed_size(k_, columns_), memory_.as<float>());
  } else {
    panels_to_bf16(panels, k_blocks(), columns_, memory_.as<uint16_t>());
  }
}

void PackedMatrix::multiply(const Kernels& kernels, int64_t panel, const void* const* a,
                            int64_t rows, float* c0, float* c1) const {
  multiply_panel(kernels, {.precision = precision_,
                           .a = a,
                           .k_blocks = k_blocks(),
                           .b = memory_.bytes(),
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
  PackedMatrix packed(precision, k, out);
  packed.fill(panels.data());
  return packed;
}

}  // namespace ddpm
