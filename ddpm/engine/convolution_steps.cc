// Convolutions by products of matrices: the entry, the halving one, and 1x1.

#include <algorithm>
#include <utility>

#include "ddpm/engine/multiply.h"
#include "ddpm/engine/steps_internal.h"

namespace ddpm {

std::vector<float> padded(const std::vector<float>& values) {
  std::vector<float> whole(values);
  whole.resize(static_cast<size_t>(blocks_of(std::ssize(values)) * kLanes), 0.0F);
  return whole;
}

namespace {

// The matrix [kTaps * blocks * 16][out] of weights [out][in][3][3], taps outermost.
PackedMatrix pack_neighbours(Precision precision, const std::vector<float>& weights, int64_t in,
                             int64_t out) {
  const int64_t channels = blocks_of(in) * kLanes;
  std::vector<float> panels(static_cast<size_t>(packed_size(kTaps * channels, out)));
  pack_panels(
      kTaps * channels, out,
      [&](int64_t k, int64_t j) {
        const int64_t channel = k % channels, tap = k / channels;
        return channel < in ? weights[static_cast<size_t>((j * in + channel) * kTaps + tap)] : 0.0F;
      },
      panels.data());
  PackedMatrix packed(precision, kTaps * channels, out);
  packed.fill(panels.data());
  return packed;
}

class EntryStep : public Step {
 public:
  EntryStep(const Engine& engine, EntryOperator op, const TensorSource& tensors)
      : op_(std::move(op)), bias_(padded(tensors(op_.name + ".bias"))) {
    const std::vector<float> weights = tensors(op_.name + ".weight");
    const int64_t out = engine.graph.value(op_.y).channels;
    channels_ = std::ssize(weights) / (out * kTaps);
    // float32 in any case: it is a thousandth of the work
    weights_ = pack_linear(Precision::kFloat32, weights, channels_ * kTaps, out);
  }

  ScratchNeed scratch(int64_t) const override {
    return scratch_of_product(weights_, weights_.k_blocks() * kLanes);
  }
  int64_t weight_bytes() const override { return weights_.bytes(); }

  void run(const Pass& pass) const override {
    const ValueShape& shape = pass.graph.value(op_.y);
    const int64_t rows = pass.n * shape.pixels();
    const auto bring = [&](int64_t first, int64_t count, float* scratch, const float** blocks) {
      std::fill_n(scratch, count * weights_.k_blocks() * kLanes, 0.0F);
      for (int64_t b = 0; b < weights_.k_blocks(); ++b) blocks[b] = scratch + b * count * kLanes;
      for (int64_t i = 0; i < count; ++i) gather(pass, shape, first + i, i, count, scratch);
    };
    multiply(pass, weights_,
             {.rows = rows, .scratch = weights_.k_blocks() * kLanes, .bring = bring},
             {.y = {pass.block(op_.y, 0), rows * kLanes}, .bias = bias_.data()});
  }

 private:
  // The 3x3 neighbours of a pixel in every channel: value channel * 9 + tap of row `row`.
  void gather(const Pass& pass, const ValueShape& shape, int64_t pixel, int64_t row, int64_t count,
              float* scratch) const {
    const int64_t image = pixel / shape.pixels(), place = pixel % shape.pixels();
    const int64_t y = place / shape.width, x = place % shape.width;
    const float* from = pass.x + image * channels_ * shape.pixels();
    for (int64_t tap = 0; tap < kTaps; ++tap) {
      const int64_t r = y + tap / 3 - 1, c = x + tap % 3 - 1;
      if (r < 0 || r >= shape.height || c < 0 || c >= shape.width) continue;
      for (int64_t channel = 0; channel < channels_; ++channel) {
        const int64_t k = channel * kTaps + tap;
        const float value = from[channel * shape.pixels() + r * shape.width + c];
        scratch[(k / kLanes * count + row) * kLanes + k % kLanes] =
            op_.center ? 2.0F * value - 1.0F : value;
      }
    }
  }

  EntryOperator op_;
  int64_t channels_ = 0;
  std::vector<float> bias_;
  PackedMatrix weights_;
};

// Of stride 2: the neighbours of each pixel that stays are gathered.
class HalvingStep : public Step {
 public:
  HalvingStep(const Engine& engine, ConvolutionOperator op, const TensorSource& tensors)
      : op_(std::move(op)),
        bias_(padded(tensors(op_.name + ".bias"))),
        weights_(pack_neighbours(engine.precision, tensors(op_.name + ".weight"),
                                 engine.graph.value(op_.x).channels,
                                 engine.graph.value(op_.y).channels)) {}

  ScratchNeed scratch(int64_t) const override {
    return scratch_of_product(weights_, weights_.k_blocks() * kLanes);
  }
  int64_t weight_bytes() const override { return weights_.bytes(); }

  void run(const Pass& pass) const override {
    const int64_t rows = pass.n * pass.graph.value(op_.y).pixels();
    const auto bring = [&](int64_t first, int64_t count, float* scratch, const float** blocks) {
      gather(pass, first, count, scratch, blocks);
    };
    multiply(pass, weights_,
             {.rows = rows, .scratch = weights_.k_blocks() * kLanes, .bring = bring},
             {.y = {pass.block(op_.y, 0), rows * kLanes}, .bias = bias_.data()});
  }

 private:
  void gather(const Pass& pass, int64_t first, int64_t count, float* scratch,
              const float** blocks) const {
    const ValueShape& from = pass.graph.value(op_.x);
    const ValueShape& to = pass.graph.value(op_.y);
    const int64_t channel_blocks = blocks_of(from.channels);
    for (int64_t tap = 0; tap < kTaps; ++tap) {
      for (int64_t b = 0; b < channel_blocks; ++b) {
        float* rows = scratch + (tap * channel_blocks + b) * count * kLanes;
        blocks[tap * channel_blocks + b] = rows;
        const float* x = pass.block(op_.x, b);
        for (int64_t i = 0; i < count; ++i) {
          const int64_t image = (first + i) / to.pixels(), place = (first + i) % to.pixels();
          const int64_t r = place / to.width * 2 + tap / 3 - op_.padding;
          const int64_t c = place % to.width * 2 + tap % 3 - op_.padding;
          const bool inside = r >= 0 && r < from.height && c >= 0 && c < from.width;
          float* row = rows + i * kLanes;
          if (inside) {
            std::copy_n(x + (image * from.pixels() + r * from.width + c) * kLanes, kLanes, row);
          } else {
            std::fill_n(row, kLanes, 0.0F);
          }
        }
      }
    }
  }

  ConvolutionOperator op_;
  std::vector<float> bias_;
  PackedMatrix weights_;
};

class PointwiseStep : public Step {
 public:
  PointwiseStep(const Engine& engine, PointwiseOperator op, const TensorSource& tensors)
      : op_(std::move(op)),
        bias_(padded(tensors(op_.name + ".bias"))),
        weights_(pack_linear(engine.precision, tensors(op_.name + ".weight"),
                             engine.graph.value(op_.x).channels,
                             engine.graph.value(op_.y).channels)) {}

  ScratchNeed scratch(int64_t) const override { return scratch_of_product(weights_, 0); }
  int64_t weight_bytes() const override { return weights_.bytes(); }

  void run(const Pass& pass) const override {
    const int64_t rows = pass.n * pass.graph.value(op_.y).pixels();
    multiply(pass, weights_, rows, [&](int64_t b) { return pass.block_in_parts(op_.x, b); },
             {.y = {pass.block(op_.y, 0), rows * kLanes}, .bias = bias_.data()});
  }

 private:
  PointwiseOperator op_;
  std::vector<float> bias_;
  PackedMatrix weights_;
};

}  // namespace

std::unique_ptr<Step> make_entry_step(const Engine& engine, const EntryOperator& op,
                                      const TensorSource& tensors) {
  return std::make_unique<EntryStep>(engine, op, tensors);
}

std::unique_ptr<Step> make_halving_step(const Engine& engine, const ConvolutionOperator& op,
                                        const TensorSource& tensors) {
  return std::make_unique<HalvingStep>(engine, op, tensors);
}

std::unique_ptr<Step> make_pointwise_step(const Engine& engine, const PointwiseOperator& op,
                                          const TensorSource& tensors) {
  return std::make_unique<PointwiseStep>(engine, op, tensors);
}

}  // namespace ddpm
