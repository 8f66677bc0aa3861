// 3x3 convolutions: transform, one product a point, transform back.

#include <algorithm>
#include <utility>

#include "ddpm/engine/steps_internal.h"
#include "ddpm/engine/transformed_kernels.h"

namespace ddpm {

namespace {

using Size = ConvolutionOperation::Size;

constexpr int64_t kTilesAtOnce = 64;
// Planes of a multiple of 4 KiB would all fall into the same lines of the cache.
constexpr int64_t kPadding = kLanes;

// Whether U, which is not kept, is made for all blocks of a call at once.
bool fits(int64_t size_of_u) {
  constexpr int64_t kCache = int64_t{24} << 20;
  return size_of_u <= kCache;
}

class WinogradStep : public Step {
 public:
  WinogradStep(const Engine& engine, ConvolutionOperation operation, const TensorSource& tensors)
      : operation_(std::move(operation)),
        at_once_(engine.at_once),
        in_(engine.graph.value(operation_.x).channels),
        shape_(engine.graph.value(operation_.y)),
        u_(engine.kernels, engine.precision, engine.keep_transformed,
           tensors(operation_.name + ".weight"), in_, shape_) {
    if (operation_.slot == kNoSlot) bias_ = padded(tensors(operation_.name + ".bias"));
  }

  ScratchNeed scratch() const override {
    const bool whole = !u_.kept() && blocks_of_tiles(at_once_) > 1 && fits(u_.all_bytes());
    return {.shared = std::max(size_of_v(), whole ? u_.all_bytes() : 0),
            .per_worker =
                size_of_v() + size_of_m() + pointer_bytes() + (u_.kept() ? 0 : u_.panel_bytes())};
  }
  int64_t weight_bytes() const override { return u_.bytes(); }
  std::optional<double> computed() const override {
    return static_cast<double>(points() * grid(1).tiles() * in_ * shape_.channels);
  }

  // A block of tiles is the work of one worker if there are enough of them; U, if it is not kept,
  // is then made for all. Otherwise all workers share each block: first its transform, then the
  // panels of its products, each made with its panel of U.
  void run(const Pass& pass) const override {
    const int64_t blocks = blocks_of_tiles(pass.n);
    const bool enough = blocks > 1 && blocks >= 2 * pass.workers.count();
    if (enough && (u_.kept() || fits(u_.all_bytes()))) {
      if (!u_.kept()) make_u(pass);
      pass.workers.run(blocks, [&](int64_t part, int64_t worker) {
        whole_block(pass, part * kTilesAtOnce, worker);
      });
    } else {
      for (int64_t block = 0; block < blocks; ++block) shared_block(pass, block * kTilesAtOnce);
    }
  }

 private:
  int64_t points() const { return point_count(u_.tile()); }
  int64_t k_blocks() const { return blocks_of(in_); }
  int64_t v_stride() const { return k_blocks() * kTilesAtOnce * kLanes + kPadding; }
  int64_t m_stride() const { return kPanelColumns * kTilesAtOnce + kPadding; }
  int64_t size_of_v() const { return Scratch::size_of<float>(points() * v_stride()); }
  int64_t size_of_m() const { return Scratch::size_of<float>(points() * m_stride()); }
  int64_t pointer_bytes() const { return Scratch::size_of<const void*>(k_blocks()); }

  TileGrid grid(int64_t images) const { return {u_.tile(), images, shape_.height, shape_.width}; }
  int64_t blocks_of_tiles(int64_t images) const {
    return (grid(images).tiles() + kTilesAtOnce - 1) / kTilesAtOnce;
  }
  int64_t count_from(const Pass& pass, int64_t first) const {
    return std::min(kTilesAtOnce, grid(pass.n).tiles() - first);
  }

  void make_u(const Pass& pass) const {
    pass.workers.run(u_.panels(), [&](int64_t panel, int64_t) {
      u_.make_panel(pass.kernels, panel, pass.shared + panel * u_.panel_bytes());
    });
  }

  void transform(const Pass& pass, int64_t first, int64_t block, std::byte* v) const {
    const bool narrow = u_.precision() == Precision::kBFloat16;
    const int64_t at = block * kTilesAtOnce * kLanes;
    pass.kernels.winograd_input({.grid = grid(pass.n),
                                 .doubled = operation_.size == Size::kDouble,
                                 .x = pass.block(operation_.x, block),
                                 .first = first,
                                 .count = count_from(pass, first),
                                 .v = narrow ? nullptr : reinterpret_cast<float*>(v) + at,
                                 .v_bf16 = narrow ? reinterpret_cast<uint16_t*>(v) + at : nullptr,
                                 .point_stride = v_stride()});
  }

  // The products of the tiles in V with a panel of U, and what becomes of them. Panel by panel, so
  // that they are still in the second cache when they are transformed back.
  struct Panel {
    int64_t first_tile;
    const std::byte* v;
    const std::byte* u;
    int64_t number;
    float* m;
    const void** rows;  // of V, for the products
  };

  void finish(const Pass& pass, const Panel& panel) const {
    multiply(pass, panel);
    const int64_t end = std::min(2 * panel.number + 2, blocks_of(shape_.channels));
    for (int64_t block = 2 * panel.number; block < end; ++block) {
      transform_back(pass, panel.first_tile, block, panel.m + block % 2 * kTilesAtOnce * kLanes);
    }
  }

  void multiply(const Pass& pass, const Panel& panel) const {
    const int64_t value = size_of_factor(u_.precision());
    for (int64_t point = 0; point < points(); ++point) {
      for (int64_t b = 0; b < k_blocks(); ++b) {
        panel.rows[b] = panel.v + (point * v_stride() + b * kTilesAtOnce * kLanes) * value;
      }
      float* c = panel.m + point * m_stride();
      u_.multiply(pass.kernels, {.u = panel.u,
                                 .panel = panel.number,
                                 .point = point,
                                 .v = panel.rows,
                                 .rows = count_from(pass, panel.first_tile),
                                 .c0 = c,
                                 .c1 = c + kTilesAtOnce * kLanes});
    }
  }

  void transform_back(const Pass& pass, int64_t first, int64_t block, const float* m) const {
    const bool timed = operation_.slot != kNoSlot;
    const float* bias = timed ? pass.time + pass.graph.slot(operation_.slot).offset : bias_.data();
    pass.kernels.winograd_output({.grid = grid(pass.n),
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
    auto* m = scratch.take<float>(points() * m_stride());
    auto* rows = scratch.take<const void*>(k_blocks());
    const std::byte* u = u_.kept() ? u_.all() : pass.shared;
    for (int64_t b = 0; b < k_blocks(); ++b) transform(pass, first, b, v);
    for (int64_t panel = 0; panel < u_.panels(); ++panel) {
      finish(pass, {first, v, u + panel * u_.panel_bytes(), panel, m, rows});
    }
  }

  void shared_block(const Pass& pass, int64_t first) const {
    pass.workers.run(k_blocks(),
                     [&](int64_t block, int64_t) { transform(pass, first, block, pass.shared); });
    pass.workers.run(u_.panels(), [&](int64_t panel, int64_t worker) {
      Scratch scratch(pass.scratch_of(worker));
      auto* m = scratch.take<float>(points() * m_stride());
      auto* rows = scratch.take<const void*>(k_blocks());
      const std::byte* u = u_.all() + panel * u_.panel_bytes();
      if (!u_.kept()) {
        auto* made = scratch.take<std::byte>(u_.panel_bytes());
        u_.make_panel(pass.kernels, panel, made);
        u = made;
      }
      finish(pass, {first, pass.shared, u, panel, m, rows});
    });
  }

  ConvolutionOperation operation_;
  int64_t at_once_;
  int64_t in_;
  ValueShape shape_;
  TransformedKernels u_;
  std::vector<float> bias_;
};

}  // namespace

std::unique_ptr<Step> make_winograd_step(const Engine& engine,
                                         const ConvolutionOperation& operation,
                                         const TensorSource& tensors) {
  return std::make_unique<WinogradStep>(engine, operation, tensors);
}

}  // namespace ddpm
