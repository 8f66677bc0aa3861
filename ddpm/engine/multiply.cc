#include "ddpm/engine/multiply.h"

#include <algorithm>

namespace ddpm {

namespace {

// How the work is cut: rows first; if that leaves workers without any, the panels too.
struct Parts {
  int64_t row_parts;
  int64_t panel_parts;

  int64_t count() const { return row_parts * panel_parts; }
};

Parts parts_of(int64_t rows, int64_t panels, int64_t workers) {
  const int64_t row_parts = (rows + kProductRows - 1) / kProductRows;
  const int64_t wanted = 2 * workers;
  const int64_t panel_parts =
      row_parts >= wanted ? 1 : std::min(panels, (wanted + row_parts - 1) / row_parts);
  return {row_parts, panel_parts};
}

// The blocks in the number type of the weights.
void narrow(const Kernels& kernels, int64_t k_blocks, int64_t rows, const float* const* wide,
            uint16_t* values, const void** blocks) {
  for (int64_t b = 0; b < k_blocks; ++b) {
    uint16_t* to = values + b * rows * kLanes;
    kernels.to_bf16(wide[b], rows * kLanes, to);
    blocks[b] = to;
  }
}

constexpr float kNoBias[kLanes] = {};

void finish_blocks(const Pass& pass, const ProductEnd& end, int64_t first_block, int64_t last_block,
                   int64_t first, int64_t count) {
  for (int64_t b = first_block; b < last_block; ++b) {
    float* y = end.y[b] + first * kLanes;
    const float* residual =
        end.residual.data != nullptr ? end.residual[b] + first * kLanes : nullptr;
    pass.kernels.finish({.c = y,
                         .rows = count,
                         .bias = end.bias != nullptr ? end.bias + b * kLanes : kNoBias,
                         .residual = residual,
                         .scale = static_cast<float>(1.0 / end.divisor),
                         .y = y});
  }
}

}  // namespace

ScratchNeed scratch_of_product(const PackedMatrix& b, int64_t scratch_per_row) {
  const int64_t blocks = b.k_blocks();
  return {.per_worker = Scratch::size_of<float>(kProductRows * scratch_per_row) +
                        2 * Scratch::size_of<const void*>(blocks) +
                        Scratch::size_of<uint16_t>(kProductRows * blocks * kLanes)};
}

void multiply(const Pass& pass, const PackedMatrix& b, const ProductRows& rows,
              const ProductEnd& end) {
  const int64_t panels = panels_of(b.columns());
  const Parts parts = parts_of(rows.rows, panels, pass.workers.count());
  pass.workers.run(parts.count(), [&](int64_t part, int64_t worker) {
    const int64_t row_part = part / parts.panel_parts, panel_part = part % parts.panel_parts;
    const int64_t first = row_part * kProductRows;
    const int64_t count = std::min(kProductRows, rows.rows - first);
    Scratch scratch(pass.scratch_of(worker));
    auto* made = scratch.take<float>(kProductRows * rows.scratch);
    auto* wide = scratch.take<const float*>(b.k_blocks());
    auto* blocks = scratch.take<const void*>(b.k_blocks());
    rows.bring(first, count, made, wide);
    if (b.precision() == Precision::kBFloat16) {
      auto* values = scratch.take<uint16_t>(kProductRows * b.k_blocks() * kLanes);
      narrow(pass.kernels, b.k_blocks(), count, wide, values, blocks);
    } else {
      std::copy_n(wide, b.k_blocks(), blocks);
    }
    const int64_t first_panel = panels * panel_part / parts.panel_parts;
    const int64_t last_panel = panels * (panel_part + 1) / parts.panel_parts;
    for (int64_t p = first_panel; p < last_panel; ++p) {
      float* c0 = end.y[2 * p] + first * kLanes;
      float* c1 =
          columns_of_panel(p, b.columns()) > kLanes ? end.y[2 * p + 1] + first * kLanes : nullptr;
      b.multiply(pass.kernels, p, blocks, count, c0, c1);
    }
    finish_blocks(pass, end, 2 * first_panel, std::min(2 * last_panel, blocks_of(b.columns())),
                  first, count);
  });
}

void multiply(const Pass& pass, const PackedMatrix& b, int64_t rows,
              FunctionRef<const float*(int64_t block)> block, const ProductEnd& end) {
  const auto bring = [&](int64_t first, int64_t, float*, const float** blocks) {
    for (int64_t k = 0; k < b.k_blocks(); ++k) blocks[k] = block(k) + first * kLanes;
  };
  multiply(pass, b, {.rows = rows, .scratch = 0, .bring = bring}, end);
}

}  // namespace ddpm
