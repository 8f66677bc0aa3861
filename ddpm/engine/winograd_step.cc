// 3x3 convolutions: transform, one product a point, transform back.

#include <algorithm>
#include <utility>

#include "ddpm/engine/steps_internal.h"

namespace ddpm {

namespace {

using Size = ConvolutionOperation::Size;

constexpr int64_t kTilesAtOnce = 64;
constexpr int64_t kPanelsAtOnce = 2;  // whose products are kept between the transforms
// Planes of a multiple of 4 KiB would all fall into the same lines of the cache.
constexpr int64_t kPadding = kLanes;

// Larger tiles save products, but their transformed weights are four times the weights: where few
// pixels share them, reading them takes longer than that. docs/engine.md has the measurement. The
// choice may not depend on the number of images, or their bits would.
WinogradTile tile_for(const ValueShape& shape) {
  constexpr int64_t kFewPixels = 64;
  return shape.pixels() <= kFewPixels ? WinogradTile::kF2 : WinogradTile::kF4;
}

class WinogradStep : public Step {
 public:
  WinogradStep(const Engine& engine, ConvolutionOperation operation, const TensorSource& tensors)
      : operation_(std::move(operation)),
        in_(engine.graph.value(operation_.x).channels),
        shape_(engine.graph.value(operation_.y)),
        tile_(tile_for(shape_)) {
    const bool narrow = shape_.channels <= kLanes;  // float32 in any case: it is little work
    precision_ = narrow ? Precision::kFloat32 : engine.precision;
    if (operation_.slot == kNoSlot) bias_ = padded(tensors(operation_.name + ".bias"));
    pack(tensors(operation_.name + ".weight"));
  }

  ScratchNeed scratch() const override {
    return {.shared = size_of_v(), .per_worker = size_of_v() + size_of_m() + pointer_bytes()};
  }
  int64_t weight_bytes() const override { return weights_.bytes(); }

  // A block of tiles is the work of one worker if there are enough of them; otherwise all share
  // each block: first its transform, then the panels of its products.
  void run(const Pass& pass) const override {
    const int64_t tiles = grid(pass).tiles();
    const int64_t blocks = (tiles + kTilesAtOnce - 1) / kTilesAtOnce;
    if (blocks >= 2 * pass.workers.count() || pass.workers.count() == 1) {
      pass.workers.run(blocks, [&](int64_t part, int64_t worker) {
        whole_block(pass, part * kTilesAtOnce, worker);
      });
    } else {
      for (int64_t block = 0; block < blocks; ++block) shared_block(pass, block * kTilesAtOnce);
    }
  }

 private:
  int64_t points() const { return point_count(tile_); }
  int64_t k_blocks() const { return blocks_of(in_); }
  int64_t v_stride() const { return k_blocks() * kTilesAtOnce * kLanes + kPadding; }
  int64_t m_stride() const { return 2 * kPanelsAtOnce * kTilesAtOnce * kLanes + kPadding; }
  int64_t size_of_v() const { return Scratch::size_of<float>(points() * v_stride()); }
  int64_t size_of_m() const { return Scratch::size_of<float>(points() * m_stride()); }
  int64_t pointer_bytes() const { return Scratch::size_of<const void*>(k_blocks()); }

  TileGrid grid(const Pass& pass) const { return {tile_, pass.n, shape_.height, shape_.width}; }

  void pack(const std::vector<float>& weights) {
    const int64_t k = k_blocks() * kLanes;
    weights_ = PackedMatrix(precision_, points(), k, shape_.channels);
    for (int64_t panel = 0; panel < panels_of(shape_.channels); ++panel) {
      weights_.fill_panel(panel, [&](int64_t stride, float* to) {
        pack_winograd_panel(tile_, weights.data(), shape_.channels, in_, panel, stride, to);
      });
    }
  }

  int64_t count_from(const Pass& pass, int64_t first) const {
    return std::min(kTilesAtOnce, grid(pass).tiles() - first);
  }

  void transform(const Pass& pass, int64_t first, int64_t block, std::byte* v) const {
    const bool narrow = precision_ == Precision::kBFloat16;
    const int64_t at = block * kTilesAtOnce * kLanes;
    pass.kernels.winograd_input({.grid = grid(pass),
                                 .doubled = operation_.size == Size::kDouble,
                                 .x = pass.block(operation_.x, block),
                                 .first = first,
                                 .count = count_from(pass, first),
                                 .v = narrow ? nullptr : reinterpret_cast<float*>(v) + at,
                                 .v_bf16 = narrow ? reinterpret_cast<uint16_t*>(v) + at : nullptr,
                                 .point_stride = v_stride()});
  }

  // The products of the panels [first_panel, last_panel) and what becomes of them.
  void multiply_panels(const Pass& pass, int64_t first, const std::byte* v, int64_t first_panel,
                       int64_t last_panel, Scratch scratch) const {
    auto* m = scratch.take<float>(points() * m_stride());
    auto* a = scratch.take<const void*>(k_blocks());
    const int64_t count = count_from(pass, first);
    const int64_t value = size_of_factor(precision_);
    for (int64_t p = 0; p < points(); ++p) {
      for (int64_t b = 0; b < k_blocks(); ++b) {
        a[b] = v + (p * v_stride() + b * kTilesAtOnce * kLanes) * value;
      }
      for (int64_t panel = first_panel; panel < last_panel; ++panel) {
        float* c = m + p * m_stride() + (panel - first_panel) * 2 * kTilesAtOnce * kLanes;
        weights_.multiply(pass.kernels, p, panel, a, count, c, c + kTilesAtOnce * kLanes);
      }
    }
    const int64_t blocks = std::min(2 * last_panel, blocks_of(shape_.channels));
    for (int64_t b = 2 * first_panel; b < blocks; ++b) {
      transform_back(pass, first, b, m + (b - 2 * first_panel) * kTilesAtOnce * kLanes);
    }
  }

  void transform_back(const Pass& pass, int64_t first, int64_t block, const float* m) const {
    const bool timed = operation_.slot != kNoSlot;
    const float* bias = timed ? pass.time + pass.graph.slot(operation_.slot).offset : bias_.data();
    pass.kernels.winograd_output({.grid = grid(pass),
                                  .m = m,
                                  .point_stride = m_stride(),
                                  .first = first,
                                  .count = count_from(pass, first),
                                  .bias = bias + block * kLanes,
                                  .bias_stride = timed ? pass.time_stride : 0,
                                  .residual = operation_.residual != kNoValue
                                                  ? pass.block(operation_.residual, block)
                                                  : nullptr,
                                  .scale = static_cast<float>(1.0 / operation_.divisor),
                                  .y = pass.block(operation_.y, block)});
  }

  void whole_block(const Pass& pass, int64_t first, int64_t worker) const {
    Scratch scratch(pass.scratch_of(worker));
    auto* v = scratch.take<std::byte>(size_of_v());
    for (int64_t b = 0; b < k_blocks(); ++b) transform(pass, first, b, v);
    const int64_t panels = panels_of(shape_.channels);
    for (int64_t p = 0; p < panels; p += kPanelsAtOnce) {
      multiply_panels(pass, first, v, p, std::min(p + kPanelsAtOnce, panels), scratch);
    }
  }

  void shared_block(const Pass& pass, int64_t first) const {
    pass.workers.run(k_blocks(),
                     [&](int64_t block, int64_t) { transform(pass, first, block, pass.shared); });
    pass.workers.run(panels_of(shape_.channels), [&](int64_t panel, int64_t worker) {
      multiply_panels(pass, first, pass.shared, panel, panel + 1, Scratch(pass.scratch_of(worker)));
    });
  }

  ConvolutionOperation operation_;
  int64_t in_;
  ValueShape shape_;
  WinogradTile tile_;
  Precision precision_ = Precision::kFloat32;
  std::vector<float> bias_;
  PackedMatrix weights_;
};

}  // namespace

std::unique_ptr<Step> make_winograd_step(const Engine& engine,
                                         const ConvolutionOperation& operation,
                                         const TensorSource& tensors) {
  return std::make_unique<WinogradStep>(engine, operation, tensors);
}

}  // namespace ddpm
