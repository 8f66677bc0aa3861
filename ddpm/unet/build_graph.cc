// The one walk through the U-Net.

#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/unet/config_internal.h"
#include "ddpm/unet/graph.h"

namespace ddpm {

namespace {

ValueShape resized(const ValueShape& shape, Resize resize) {
  switch (resize) {
    case Resize::kHalf:
      return {shape.channels, shape.height / 2, shape.width / 2};
    case Resize::kDouble:
      return {shape.channels, shape.height * 2, shape.width * 2};
    case Resize::kNone:
      break;
  }
  return shape;
}

// Residual blocks outside of down- and upsamplers: those of a down level, of an up level, and two
// in the middle.
int64_t count_plain_blocks(const UNetConfig& config) {
  constexpr int64_t kMiddle = 2;
  return config.level_count() * (2 * config.blocks_per_level + 1) + kMiddle;
}

struct AfterNorm {
  bool silu = false;
  TimeId time = kNoTime;
  int64_t dropout = kNoDropout;
};

struct BlockOptions {
  double divisor = 1.0;
  Resize resize = Resize::kNone;
};

// Walks through the network as it is executed.
class Builder {
 public:
  explicit Builder(const UNetConfig& config) : config_(config) {}

  Graph build() {
    graph_.time = {.base_channels = config_.base_channels(),
                   .channels = config_.embedding_channels(),
                   .learned_times = config_.learned_times,
                   .classes = config_.classes,
                   .frequency_shift = config_.frequency_shift,
                   .cosine_first = config_.cosine_first};
    now_ = new_value({config_.base_channels(), config_.height, config_.width});
    add(EntryOperator{.name = "conv_in",
                      .image_channels = config_.image_channels,
                      .center = config_.center_input,
                      .y = now_});
    end_module("conv_in");
    skips_ = {now_};
    for (int64_t level = 0; level < config_.level_count(); ++level) down(level);
    middle();
    for (int64_t level = config_.level_count() - 1; level >= 0; --level) up(level);
    DDPM_ASSERT(skips_.empty());
    now_ = norm("conv_norm_out", now_, config_.norm_groups, {.silu = true});
    end_module("conv_norm_out");
    const ValueId y = new_value({config_.output_channels(), config_.height, config_.width});
    add(ConvolutionOperator{.name = "conv_out", .x = now_, .y = y});
    add(ExitOperator{.x = y});
    return std::move(graph_);
  }

 private:
  const ValueShape& shape(ValueId id) const { return graph_.value(id); }

  ValueId new_value(const ValueShape& shape) {
    graph_.values.push_back(shape);
    return std::ssize(graph_.values) - 1;
  }
  void add(Operator op) { graph_.operators.push_back(std::move(op)); }
  void end_module(const std::string& name) { graph_.modules.push_back({name, now_}); }

  ValueId norm(const std::string& name, ValueId x, int64_t groups, const AfterNorm& after) {
    const ValueId y = new_value(shape(x));
    add(NormOperator{.name = name,
                     .x = x,
                     .y = y,
                     .groups = groups,
                     .epsilon = config_.norm_epsilon,
                     .silu = after.silu,
                     .time = after.time,
                     .dropout = after.dropout});
    return y;
  }

  ValueId resize(const std::string& name, ValueId x, Resize how) {
    if (how == Resize::kNone) return x;
    const ValueId y = new_value(resized(shape(x), how));
    add(ResizeOperator{.name = name, .x = x, .y = y, .resize = how});
    return y;
  }

  // What is added to the output of a residual block's second convolution: x itself, at its size
  // and with its channels.
  ValueId shortcut(const std::string& name, ValueId x, int64_t channels, Resize how) {
    x = resize(name + ".shortcut_resized", x, how);
    if (shape(x).channels == channels) return x;
    const ValueId y = new_value({channels, shape(x).height, shape(x).width});
    add(PointwiseOperator{.name = name + ".conv_shortcut", .x = x, .y = y});
    return y;
  }

  void residual_block(const std::string& name, int64_t channels, int64_t number,
                      const BlockOptions& options = {}) {
    const ValueId x = now_;
    ValueId h = norm(name + ".norm1", x, config_.norm_groups, {.silu = true});
    const ValueId residual = shortcut(name, x, channels, options.resize);
    // a convolution doubles its input as it reads it; only the mean is an operator of its own
    const bool doubles = options.resize == Resize::kDouble;
    if (!doubles) h = resize(name + ".resized", h, options.resize);
    const ValueId first = new_value(shape(residual));
    graph_.projections.push_back({.name = name + ".time_emb_proj",
                                  .channels = channels,
                                  .scale_shift = config_.scale_shift});
    const TimeId time = std::ssize(graph_.projections) - 1;
    add(ConvolutionOperator{.name = name + ".conv1",
                            .x = h,
                            .y = first,
                            .resize = doubles ? Resize::kDouble : Resize::kNone,
                            .time = config_.scale_shift ? kNoTime : time});
    h = norm(name + ".norm2", first, config_.norm_groups,
             {.silu = true, .time = config_.scale_shift ? time : kNoTime, .dropout = number});
    now_ = new_value(shape(first));
    add(ConvolutionOperator{.name = name + ".conv2",
                            .x = h,
                            .y = now_,
                            .residual = residual,
                            .divisor = options.divisor});
  }

  void attention(const std::string& name, int64_t groups, double divisor = 1.0) {
    const ValueId x = now_;
    const int64_t channels = shape(x).channels;
    const ValueId normed = groups > 0 ? norm(name + ".group_norm", x, groups, {}) : x;
    const int64_t heads = config_.heads_at(channels);
    now_ = new_value(shape(x));
    add(AttentionOperator{.name = name,
                          .x = normed,
                          .residual = x,
                          .y = now_,
                          .heads = heads,
                          .head_channels = config_.attention_channels(channels) / heads,
                          .divisor = divisor});
  }

  void down(int64_t number) {
    const UNetLevel& level = config_.level(number);
    const std::string block = concat("down_blocks.", number);
    for (int64_t j = 0; j < config_.blocks_per_level; ++j) {
      residual_block(concat(block, ".resnets.", j), level.channels, next_block_++);
      if (level.attention_down) attention(concat(block, ".attentions.", j), config_.norm_groups);
      skips_.push_back(now_);
    }
    if (number < config_.level_count() - 1) {
      resample(block + ".downsamplers.0", level.down, Resize::kHalf, number);
      skips_.push_back(now_);
    }
    end_module(block);
  }

  // diffusers counts the blocks on the way up from the lowest resolution.
  void up(int64_t number) {
    const UNetLevel& level = config_.level(number);
    const int64_t from_below = config_.level_count() - 1 - number;
    const std::string block = concat("up_blocks.", from_below);
    for (int64_t j = 0; j <= config_.blocks_per_level; ++j) {
      const std::string name = concat(block, ".resnets.", j);
      concat_skip(name);
      residual_block(name, level.channels, next_block_++);
      if (level.attention_up) attention(concat(block, ".attentions.", j), config_.norm_groups);
    }
    if (number > 0) {
      resample(block + ".upsamplers.0", level.up, Resize::kDouble,
               config_.level_count() + from_below);
    }
    end_module(block);
  }

  void concat_skip(const std::string& name) {
    const std::vector<ValueId> parts = {now_, skips_.back()};
    skips_.pop_back();
    const ValueShape& like = shape(now_);
    now_ = new_value({like.channels + shape(parts.back()).channels, like.height, like.width});
    add(ConcatOperator{.name = name + ".with_skip", .x = parts, .y = now_});
  }

  // Blocks that resample have numbers above all others, so that the dropout masks of the others do
  // not depend on how the levels resample.
  void resample(const std::string& name, Resampling how, Resize resize, int64_t number) {
    const ValueShape from = shape(now_);
    if (how == Resampling::kResidualBlock) {
      residual_block(name, from.channels, count_plain_blocks(config_) + number, {.resize = resize});
      return;
    }
    const ValueId x = now_;
    now_ = new_value(resized(from, resize));
    add(ConvolutionOperator{.name = name + ".conv",
                            .x = x,
                            .y = now_,
                            .resize = resize,
                            .padding = resize == Resize::kHalf ? config_.downsample_padding : 1});
  }

  void middle() {
    const int64_t channels = config_.levels.back().channels;
    residual_block("mid_block.resnets.0", channels, next_block_++,
                   {.divisor = config_.middle_scale});
    if (config_.middle_attention) {
      attention("mid_block.attentions.0", config_.groups_of_middle_attention(),
                config_.middle_scale);
    }
    residual_block("mid_block.resnets.1", channels, next_block_++,
                   {.divisor = config_.middle_scale});
    end_module("mid_block");
  }

  const UNetConfig& config_;
  Graph graph_;
  ValueId now_ = kNoValue;
  std::vector<ValueId> skips_;
  int64_t next_block_ = 0;  // number of its dropout mask
};

}  // namespace

Graph build_graph_unchecked(const UNetConfig& config) { return Builder(config).build(); }

Graph build_graph(const UNetConfig& config) {
  check_unet_config(config);
  return build_graph_unchecked(config);
}

}  // namespace ddpm
