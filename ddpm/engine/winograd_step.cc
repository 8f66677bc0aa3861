// 3x3 convolutions: transform, one product a point, transform back.

#include <algorithm>
#include <utility>

#include "ddpm/engine/steps_internal.h"
#include "ddpm/engine/transformed_kernels.h"

namespace ddpm {

namespace {

constexpr int64_t kTilesAtOnce = 64;
constexpr int64_t kFewestTiles = 12;  // that are worth another reading of weights
// Planes of a multiple of 4 KiB would all fall into the same lines of the cache.
constexpr int64_t kPadding = kLanes;

// Whether U stays in the last cache, so that several workers may read all of it.
bool fits(int64_t size_of_u) {
  constexpr int64_t kCache = int64_t{24} << 20;
  return size_of_u <= kCache;
}

class WinogradStep : public Step {
 public:
  WinogradStep(const Engine& engine, ConvolutionOperator op, const TensorSource& tensors)
      : op_(std::move(op)),
        in_(engine.graph.value(op_.x).channels),
        shape_(engine.graph.value(op_.y)),
        u_(engine.kernels, engine.precision, engine.keep_transformed, tensors(op_.name + ".weight"),
           in_, shape_) {
    if (op_.time == kNoTime) bias_ = padded(tensors(op_.name + ".bias"));
  }

  ScratchNeed scratch(int64_t images) const override {
    const bool whole = !u_.kept() && grid(images).tiles() > kTilesAtOnce && fits(u_.all_bytes());
    const int64_t v = size_of_v(kTilesAtOnce);
    return {.shared = std::max(v, whole ? u_.all_bytes() : 0),
            .per_worker =
                v + size_of_m(kTilesAtOnce) + pointer_bytes() + (u_.kept() ? 0 : u_.panel_bytes())};
  }
  int64_t weight_bytes() const override { return u_.bytes(); }
  std::optional<double> computed() const override {
    return static_cast<double>(points() * grid(1).tiles() * in_ * shape_.channels);
  }

  // A block of tiles is the work of one worker if there are enough of them: what it has transformed
  // is in its own caches when it multiplies. U, if it is not kept, is then made for all. Otherwise
  // all workers share each block: first its transform, then its products, each with its panel of U.
  void run(const Pass& pass) const override {
    const int64_t tiles = grid(pass.n).tiles(), blocks = whole_blocks(tiles, pass.workers.count());
    if (blocks > 0) {
      if (!u_.kept()) make_u(pass);
      const int64_t together = std::max<int64_t>(1, blocks / pass.workers.count());
      pass.workers.run(blocks, together, [&](int64_t part, int64_t worker) {
        whole_block(pass, part_of({0, tiles}, part, blocks), worker);
      });
    } else {
      for (int64_t first = 0; first < tiles; first += kTilesAtOnce) {
        shared_block(pass, {first, std::min(kTilesAtOnce, tiles - first)});
      }
    }
  }

 private:
  struct Tiles {
    int64_t first;
    int64_t count;
  };

  static Tiles part_of(const Tiles& all, int64_t part, int64_t parts) {
    const int64_t begin = all.count * part / parts, end = all.count * (part + 1) / parts;
    return {all.first + begin, end - begin};
  }

  // Blocks of up to kTilesAtOnce tiles such that each worker has two of them or more, or one of
  // those that are as small as may be. 0: the workers share each block.
  int64_t whole_blocks(int64_t tiles, int64_t workers) const {
    const int64_t blocks = (tiles + kTilesAtOnce - 1) / kTilesAtOnce;
    if (!fits(u_.all_bytes())) return u_.kept() && blocks >= 2 * workers ? blocks : 0;
    if (!u_.kept() && blocks == 1) return 0;  // whoever multiplies with a panel makes it
    if (blocks >= 2 * workers) return blocks;
    if (workers == 1) return 0;
    if (tiles >= 2 * workers * kFewestTiles) return 2 * workers;
    return tiles >= workers * kFewestTiles ? workers : 0;
  }

  int64_t points() const { return point_count(u_.tile()); }
  int64_t k_blocks() const { return blocks_of(in_); }
  // Values of a block of channels of so many tiles: whole lines, of bfloat16 too.
  static int64_t plane(int64_t tiles) { return (tiles + 1) / 2 * 2 * kLanes; }
  int64_t v_stride(int64_t tiles) const { return k_blocks() * plane(tiles) + kPadding; }
  static int64_t m_stride(int64_t tiles) { return 2 * plane(tiles) + kPadding; }
  int64_t size_of_v(int64_t tiles) const {
    return Scratch::size_of<float>(points() * v_stride(tiles));
  }
  int64_t size_of_m(int64_t tiles) const {
    return Scratch::size_of<float>(points() * m_stride(tiles));
  }
  int64_t pointer_bytes() const { return Scratch::size_of<const void*>(k_blocks()); }

  TileGrid grid(int64_t images) const { return {u_.tile(), images, shape_.height, shape_.width}; }

  void make_u(const Pass& pass) const {
    pass.workers.run(u_.panels(), [&](int64_t panel, int64_t) {
      u_.make_panel(pass.kernels, panel, pass.shared + panel * u_.panel_bytes());
    });
  }

  // Of a block of channels.
  void transform(const Pass& pass, const Tiles& tiles, int64_t block, std::byte* v) const {
    const bool narrow = u_.precision() == Precision::kBFloat16;
    const int64_t at = block * plane(tiles.count);
    pass.kernels.winograd_input({.grid = grid(pass.n),
                                 .doubled = op_.resize == Resize::kDouble,
                                 .x = pass.block(op_.x, block),
                                 .first = tiles.first,
                                 .count = tiles.count,
                                 .v = narrow ? nullptr : reinterpret_cast<float*>(v) + at,
                                 .v_bf16 = narrow ? reinterpret_cast<uint16_t*>(v) + at : nullptr,
                                 .point_stride = v_stride(tiles.count)});
  }

  // The products of some of the tiles in V with a panel of U, and what becomes of them. Panel by
  // panel, so that they are still in the second cache when they are transformed back.
  struct Panel {
    Tiles in_v;
    const std::byte* v;
    Tiles tiles;  // of them
    const std::byte* u;
    int64_t number;
    float* m;
    const void** rows;  // of V, for the products
  };

  void finish(const Pass& pass, const Panel& panel) const {
    multiply(pass, panel);
    const int64_t end = std::min(2 * panel.number + 2, blocks_of(shape_.channels));
    for (int64_t block = 2 * panel.number; block < end; ++block) {
      transform_back(pass, panel.tiles, block, panel.m + block % 2 * plane(panel.tiles.count));
    }
  }

  void multiply(const Pass& pass, const Panel& panel) const {
    const int64_t value = size_of_factor(u_.precision());
    const int64_t first = (panel.tiles.first - panel.in_v.first) * kLanes;
    const int64_t block = plane(panel.in_v.count), stride = v_stride(panel.in_v.count);
    for (int64_t point = 0; point < points(); ++point) {
      for (int64_t b = 0; b < k_blocks(); ++b) {
        panel.rows[b] = panel.v + (point * stride + b * block + first) * value;
      }
      float* c = panel.m + point * m_stride(panel.tiles.count);
      u_.multiply(pass.kernels, {.u = panel.u,
                                 .panel = panel.number,
                                 .point = point,
                                 .v = panel.rows,
                                 .rows = panel.tiles.count,
                                 .c0 = c,
                                 .c1 = c + plane(panel.tiles.count)});
    }
  }

  void transform_back(const Pass& pass, const Tiles& tiles, int64_t block, const float* m) const {
    const bool timed = op_.time != kNoTime;
    // the projection's outputs include the convolution's bias
    const float* bias = timed ? pass.projection(op_.time, 0) : bias_.data();
    pass.kernels.winograd_output(
        {.grid = grid(pass.n),
         .m = m,
         .point_stride = m_stride(tiles.count),
         .first = tiles.first,
         .count = tiles.count,
         .bias = bias + block * kLanes,
         .bias_stride = timed ? pass.time_stride : 0,
         .residual = op_.residual != kNoValue ? pass.block(op_.residual, block) : nullptr,
         .scale = static_cast<float>(1.0 / op_.divisor),
         .y = pass.block(op_.y, block)});
  }

  void whole_block(const Pass& pass, const Tiles& tiles, int64_t worker) const {
    Scratch scratch(pass.scratch_of(worker));
    auto* v = scratch.take<std::byte>(size_of_v(tiles.count));
    auto* m = scratch.take<float>(points() * m_stride(tiles.count));
    auto* rows = scratch.take<const void*>(k_blocks());
    const std::byte* u = u_.kept() ? u_.all() : pass.shared;
    for (int64_t b = 0; b < k_blocks(); ++b) transform(pass, tiles, b, v);
    for (int64_t panel = 0; panel < u_.panels(); ++panel) {
      finish(pass, {tiles, v, tiles, u + panel * u_.panel_bytes(), panel, m, rows});
    }
  }

  void shared_block(const Pass& pass, const Tiles& tiles) const {
    pass.workers.run(k_blocks(), kBlocksTogether,
                     [&](int64_t block, int64_t) { transform(pass, tiles, block, pass.shared); });
    const int64_t slices = slices_of(tiles.count, pass.workers.count());
    pass.workers.run(u_.panels() * slices, [&](int64_t part, int64_t worker) {
      const int64_t panel = part % u_.panels(), slice = part / u_.panels();
      Scratch scratch(pass.scratch_of(worker));
      auto* m = scratch.take<float>(points() * m_stride(tiles.count));
      auto* rows = scratch.take<const void*>(k_blocks());
      const std::byte* u = u_.all() + panel * u_.panel_bytes();
      if (!u_.kept()) {
        auto* made = scratch.take<std::byte>(u_.panel_bytes());
        u_.make_panel(pass.kernels, panel, made);
        u = made;
      }
      finish(pass, {tiles, pass.shared, part_of(tiles, slice, slices), u, panel, m, rows});
    });
  }

  // How often the tiles of each panel are cut, where the panels alone would leave workers idle.
  int64_t slices_of(int64_t tiles, int64_t workers) const {
    if (u_.panels() >= workers) return 1;
    const int64_t wanted = (2 * workers + u_.panels() - 1) / u_.panels();
    return std::clamp<int64_t>(tiles / kFewestTiles, 1, wanted);
  }

  ConvolutionOperator op_;
  int64_t in_;
  ValueShape shape_;
  TransformedKernels u_;
  std::vector<float> bias_;
};

}  // namespace

std::unique_ptr<Step> make_winograd_step(const Engine& engine, const ConvolutionOperator& op,
                                         const TensorSource& tensors) {
  return std::make_unique<WinogradStep>(engine, op, tensors);
}

}  // namespace ddpm
