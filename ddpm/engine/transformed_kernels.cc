#include "ddpm/engine/transformed_kernels.h"

#include <variant>

#include "ddpm/engine/packed_matrix.h"

namespace ddpm {

namespace {

// Values from a point of a panel to the next.
int64_t stride_of_points(int64_t in) {
  // points a multiple of 4 KiB apart would all fall into the same lines of the cache
  constexpr int64_t kPadding = 32;
  return blocks_of(in) * kLanes * kPanelColumns + kPadding;
}

int64_t bytes_of_panel(Precision precision, WinogradTile tile, int64_t in) {
  return point_count(tile) * stride_of_points(in) * size_of_factor(precision);
}

// Larger tiles save products, but U of them is four times the kernels: where few pixels share it,
// reading it takes longer than that. docs/engine.md has the measurement. The choice may not depend
// on the number of images, or their bits would.
WinogradTile tile_for(const ValueShape& output) {
  constexpr int64_t kFewPixels = 64;
  return output.pixels() <= kFewPixels ? WinogradTile::kF2 : WinogradTile::kF4;
}

Precision precision_for(Precision wanted, const ValueShape& output) {
  return output.channels <= kLanes ? Precision::kFloat32 : wanted;
}

}  // namespace

int64_t transformed_bytes(const Graph& graph, Precision precision) {
  int64_t bytes = 0;
  for (const Operator& op : graph.operators) {
    const auto* convolution = std::get_if<ConvolutionOperator>(&op);
    if (convolution == nullptr || convolution->resize == Resize::kHalf) continue;
    const ValueShape& output = graph.value(convolution->y);
    bytes += panels_of(output.channels) * bytes_of_panel(precision_for(precision, output),
                                                         tile_for(output),
                                                         graph.value(convolution->x).channels);
  }
  return bytes;
}

TransformedKernels::TransformedKernels(const Kernels& kernels, Precision precision, bool keep,
                                       const std::vector<float>& weights, int64_t in,
                                       const ValueShape& output)
    : precision_(precision_for(precision, output)),
      tile_(tile_for(output)),
      kept_(keep),
      in_(in),
      out_(output.channels),
      memory_(keep ? all_bytes() : Scratch::size_of<float>(packed_size(k() * kTaps, out_))) {
  const int64_t size = k() * kTaps * kPanelColumns;
  std::vector<float> of_a_panel(static_cast<size_t>(keep ? size : 0));
  for (int64_t panel = 0; panel < panels(); ++panel) {
    float* taps = keep ? of_a_panel.data() : memory_.as<float>() + panel_offset(panel, k() * kTaps);
    pack_taps(weights.data(), out_, in_, panel, taps);
    if (keep) transform(kernels, panel, taps, memory_.bytes() + panel * panel_bytes());
  }
}

int64_t TransformedKernels::point_stride() const { return stride_of_points(in_); }

int64_t TransformedKernels::panel_bytes() const { return bytes_of_panel(precision_, tile_, in_); }

void TransformedKernels::make_panel(const Kernels& kernels, int64_t panel, std::byte* u) const {
  transform(kernels, panel, memory_.as<float>() + panel_offset(panel, k() * kTaps), u);
}

void TransformedKernels::transform(const Kernels& kernels, int64_t panel, const float* taps,
                                   std::byte* u) const {
  const bool narrow = precision_ == Precision::kBFloat16;
  kernels.winograd_weights({.tile = tile_,
                            .taps = taps,
                            .k = k(),
                            .columns = columns_of_panel(panel, out_),
                            .u = narrow ? nullptr : reinterpret_cast<float*>(u),
                            .u_bf16 = narrow ? reinterpret_cast<uint16_t*>(u) : nullptr,
                            .point_stride = point_stride()});
}

void TransformedKernels::multiply(const Kernels& kernels, const Product& product) const {
  multiply_panel(kernels,
                 {.precision = precision_,
                  .a = product.v,
                  .k_blocks = blocks_of(in_),
                  .b = product.u + product.point * point_stride() * size_of_factor(precision_),
                  .columns = columns_of_panel(product.panel, out_),
                  .panel = 0,
                  .rows = product.rows,
                  .c0 = product.c0,
                  .c1 = product.c1});
}

}  // namespace ddpm
