// Attention: products into queries, keys and values, scores, softmax, mixture, the last layer.

#include <algorithm>
#include <utility>

#include "ddpm/engine/attention_weights.h"
#include "ddpm/engine/multiply.h"
#include "ddpm/engine/steps_internal.h"

namespace ddpm {

namespace {

// Rows of scores that are held at once: about 256 KiB of them.
int64_t rows_at_once(int64_t positions) {
  constexpr int64_t kScores = int64_t{1} << 16;
  return std::clamp<int64_t>(kScores / (blocks_of(positions) * kLanes), 8, 64);
}

class AttentionStep : public Step {
 public:
  AttentionStep(const Engine& engine, AttentionOperator op, const TensorSource& tensors)
      : op_(std::move(op)),
        shape_(engine.graph.value(op_.y)),
        positions_(shape_.pixels()),
        weights_(make_attention_weights(engine.precision, op_.name, shape_.channels, op_.heads,
                                        op_.head_channels, tensors)) {}

  int64_t weight_bytes() const override { return weights_.into.bytes() + weights_.out.bytes(); }
  std::optional<double> computed() const override {
    if (!weights_.merged) return std::nullopt;
    return static_cast<double>(2 * positions_ * shape_.channels * (shape_.channels + positions_));
  }

  ScratchNeed scratch(int64_t images) const override {
    ScratchNeed need = scratch_of_product(weights_.into, 0);
    need.shared = Scratch::size_of<float>(into_size(images)) +
                  Scratch::size_of<std::byte>(images * op_.heads * keys_size()) +
                  Scratch::size_of<std::byte>(images * op_.heads * values_size()) +
                  Scratch::size_of<float>(mixed_size(images));
    if (!weights_.merged) {
      need.per_worker = std::max(need.per_worker, scratch_of_product(weights_.out, 0).per_worker);
    }
    need.per_worker = std::max(need.per_worker, scores_scratch());
    return need;
  }

  void run(const Pass& pass) const override {
    Scratch scratch(pass.shared);
    const Places places{.into = scratch.take<float>(into_size(pass.n)),
                        .keys = scratch.take<std::byte>(pass.n * op_.heads * keys_size()),
                        .values = scratch.take<std::byte>(pass.n * op_.heads * values_size()),
                        .mixed = scratch.take<float>(mixed_size(pass.n))};
    project(pass, places);
    const int64_t pairs = pass.n * op_.heads;
    pass.workers.run(2 * pairs, [&](int64_t part, int64_t worker) {
      const Scratch own(pass.scratch_of(worker));
      part % 2 == 0 ? pack_keys(pass, places, part / 2, own)
                    : pack_values(pass, places, part / 2, own);
    });
    const int64_t at_once = rows_at_once(positions_);
    const int64_t parts = (positions_ + at_once - 1) / at_once;
    pass.workers.run(pairs * parts, [&](int64_t part, int64_t worker) {
      const int64_t first = part % parts * at_once;
      mix(pass, places, {part / parts, first, std::min(at_once, positions_ - first)},
          Scratch(pass.scratch_of(worker)));
    });
    if (!weights_.merged) finish(pass, places);
  }

 private:
  // Arrays of one call, shared by all workers. `keys` and `values` hold numbers of the precision.
  struct Places {
    float* into;        // [blocks of into][n * positions][16]
    std::byte* keys;    // [n][heads]: panels [channels of a head][positions]
    std::byte* values;  // [n][heads]: panels [positions][channels of a head]
    float* mixed;       // [heads * blocks of a head][n * positions][16]
  };
  // Rows [first, first + count) of one head of one image.
  struct Part {
    int64_t pair;
    int64_t first;
    int64_t count;
  };

  Precision precision() const { return weights_.into.precision(); }
  bool narrow() const { return precision() == Precision::kBFloat16; }
  int64_t head_lanes() const { return weights_.head_blocks * kLanes; }
  int64_t filled_positions() const { return blocks_of(positions_) * kLanes; }
  int64_t into_size(int64_t n) const {
    return blocks_of(weights_.into.columns()) * n * positions_ * kLanes;
  }
  int64_t keys_size() const {  // bytes
    return packed_size(head_lanes(), positions_) * size_of_factor(precision());
  }
  int64_t values_size() const {
    return packed_size(filled_positions(), head_lanes()) * size_of_factor(precision());
  }
  // From a block of scores to the next. A row reads a line of each: 4 KiB apart they would all fall
  // into the same lines of the cache.
  static int64_t block_stride(int64_t rows) { return rows * kLanes + kLanes; }
  int64_t mixed_size(int64_t n) const {
    return weights_.merged ? 0 : op_.heads * head_lanes() * n * positions_;
  }
  int64_t scores_scratch() const {
    const int64_t stride = block_stride(rows_at_once(positions_));
    return Scratch::size_of<float>(blocks_of(positions_) * stride) +
           Scratch::size_of<uint16_t>(std::max(blocks_of(positions_), weights_.head_blocks) *
                                      stride) +
           Scratch::size_of<const void*>(blocks_of(positions_)) +
           2 * Scratch::size_of<const void*>(weights_.head_blocks);
  }

  void project(const Pass& pass, const Places& places) const {
    const int64_t rows = pass.n * positions_;
    multiply(pass, weights_.into, rows, [&](int64_t b) { return pass.block(op_.x, b); },
             {.y = {places.into, rows * kLanes}, .bias = weights_.into_bias.data()});
  }

  // Block `block` of a head's queries, keys or values for one image: [positions][16].
  const float* head_part(const Pass& pass, const Places& places, int64_t first_block, int64_t pair,
                         int64_t block) const {
    const int64_t image = pair / op_.heads, head = pair % op_.heads;
    const int64_t number = first_block + head * weights_.head_blocks + block;
    return places.into + (number * pass.n + image) * positions_ * kLanes;
  }
  const float* key_part(const Pass& pass, const Places& places, int64_t pair, int64_t block) const {
    if (!weights_.merged) return head_part(pass, places, weights_.key_block, pair, block);
    return pass.block(op_.x, block) + pair * positions_ * kLanes;
  }

  // The keys, transposed, and the values of one head of one image become panels.
  void pack_keys(const Pass& pass, const Places& places, int64_t pair, Scratch scratch) const {
    auto** keys = scratch.take<const float*>(weights_.head_blocks);
    for (int64_t b = 0; b < weights_.head_blocks; ++b) keys[b] = key_part(pass, places, pair, b);
    pass.kernels.pack_transposed(packing(keys, places.keys + pair * keys_size()));
  }
  void pack_values(const Pass& pass, const Places& places, int64_t pair, Scratch scratch) const {
    auto** values = scratch.take<const float*>(weights_.head_blocks);
    for (int64_t b = 0; b < weights_.head_blocks; ++b) {
      values[b] = head_part(pass, places, weights_.value_block, pair, b);
    }
    pass.kernels.pack_activation(packing(values, places.values + pair * values_size()));
  }
  PackActivation packing(const float* const* blocks, std::byte* panels) const {
    return {.a = blocks,
            .a_blocks = weights_.head_blocks,
            .rows = positions_,
            .panels = narrow() ? nullptr : reinterpret_cast<float*>(panels),
            .panels_bf16 = narrow() ? reinterpret_cast<uint16_t*>(panels) : nullptr};
  }

  // Where the mixture of a head goes.
  Blocks<float> mixed_blocks(const Pass& pass, const Places& places, int64_t pair) const {
    const int64_t image = pair / op_.heads, head = pair % op_.heads;
    const int64_t stride = pass.n * positions_ * kLanes;
    float* first = weights_.merged ? pass.block(op_.y, 0)
                                   : places.mixed + head * weights_.head_blocks * stride;
    return {first + image * positions_ * kLanes, stride};
  }

  void mix(const Pass& pass, const Places& places, const Part& part, Scratch scratch) const {
    const int64_t stride = block_stride(part.count);
    auto* scores = scratch.take<float>(blocks_of(positions_) * stride);
    auto* narrowed = scratch.take<uint16_t>(std::max(blocks_of(positions_), weights_.head_blocks) *
                                            stride);  // queries, then weights
    auto** queries = scratch.take<const void*>(weights_.head_blocks);
    auto** weights = scratch.take<const void*>(blocks_of(positions_));
    for (int64_t b = 0; b < weights_.head_blocks; ++b) {
      const float* wide = head_part(pass, places, 0, part.pair, b) + part.first * kLanes;
      queries[b] = wide;
      if (!narrow()) continue;
      pass.kernels.to_bf16(wide, part.count * kLanes, narrowed + b * stride);
      queries[b] = narrowed + b * stride;
    }
    multiply_all(pass, queries, weights_.head_blocks, places.keys + part.pair * keys_size(),
                 positions_, part.count, {scores, stride});
    pass.kernels.softmax({.s = scores,
                          .block_stride = stride,
                          .rows = part.count,
                          .columns = positions_,
                          .p_bf16 = narrow() ? narrowed : nullptr});
    for (int64_t b = 0; b < blocks_of(positions_); ++b) {
      weights[b] = narrow() ? static_cast<const void*>(narrowed + b * stride)
                            : static_cast<const void*>(scores + b * stride);
    }
    const Blocks<float> mixed = mixed_blocks(pass, places, part.pair);
    multiply_all(pass, weights, blocks_of(positions_), places.values + part.pair * values_size(),
                 head_lanes(), part.count, {mixed.data + part.first * kLanes, mixed.stride});
    if (weights_.merged) finish_rows(pass, part);
  }

  // All panels of a product whose B lies at `b`.
  void multiply_all(const Pass& pass, const void* const* a, int64_t k_blocks, const std::byte* b,
                    int64_t columns, int64_t rows, Blocks<float> c) const {
    for (int64_t p = 0; p < panels_of(columns); ++p) {
      multiply_panel(pass.kernels, {.precision = precision(),
                                    .a = a,
                                    .k_blocks = k_blocks,
                                    .b = b,
                                    .columns = columns,
                                    .panel = p,
                                    .rows = rows,
                                    .c0 = c[2 * p],
                                    .c1 = c[2 * p + 1]});
    }
  }

  // Of merged weights: the mixture is all but the bias and the residual.
  void finish_rows(const Pass& pass, const Part& part) const {
    const int64_t at = (part.pair * positions_ + part.first) * kLanes;
    for (int64_t b = 0; b < blocks_of(shape_.channels); ++b) {
      float* y = pass.block(op_.y, b) + at;
      pass.kernels.finish({.c = y,
                           .rows = part.count,
                           .bias = weights_.out_bias.data() + b * kLanes,
                           .residual = pass.block(op_.residual, b) + at,
                           .scale = static_cast<float>(1.0 / op_.divisor),
                           .y = y});
    }
  }

  void finish(const Pass& pass, const Places& places) const {
    const int64_t rows = pass.n * positions_;
    multiply(pass, weights_.out, rows, [&](int64_t b) { return places.mixed + b * rows * kLanes; },
             {.y = {pass.block(op_.y, 0), rows * kLanes},
              .bias = weights_.out_bias.data(),
              .residual = {pass.block(op_.residual, 0), rows * kLanes},
              .divisor = op_.divisor});
  }

  AttentionOperator op_;
  ValueShape shape_;
  int64_t positions_;
  AttentionWeights weights_;
};

}  // namespace

std::unique_ptr<Step> make_attention_step(const Engine& engine, const AttentionOperator& op,
                                          const TensorSource& tensors) {
  return std::make_unique<AttentionStep>(engine, op, tensors);
}

}  // namespace ddpm
