#include "ddpm/engine/graph.h"

#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/kernels/gemm.h"

namespace ddpm {

namespace {

using Size = ConvolutionOperation::Size;

// Walks through the network as it is executed.
class Builder {
 public:
  explicit Builder(const UNetConfig& config) : config_(config) { check_unet_config(config); }

  Graph build() {
    now_ = new_value({config_.base_channels(), config_.height, config_.width});
    add(EntryOperation{.name = "conv_in", .center = config_.center_input, .y = now_});
    skips_ = {now_};
    for (int64_t level = 0; level < config_.level_count(); ++level) down(level);
    middle();
    for (int64_t level = config_.level_count() - 1; level >= 0; --level) up(level);
    const ValueId normed = norm("conv_norm_out", {now_}, config_.norm_groups, true);
    const ValueId y = new_value({config_.output_channels(), config_.height, config_.width});
    add(ConvolutionOperation{.name = "conv_out", .x = normed, .y = y});
    add(ExitOperation{.x = y});
    return std::move(graph_);
  }

 private:
  const ValueShape& shape(ValueId id) const { return graph_.value(id); }

  ValueId new_value(const ValueShape& shape) {
    graph_.values.push_back(shape);
    return std::ssize(graph_.values) - 1;
  }
  void add(Operation operation) { graph_.operations.push_back(std::move(operation)); }

  int64_t new_slot(const std::string& name, int64_t channels, const std::string& bias) {
    graph_.slots.push_back(
        {.name = name, .channels = channels, .offset = graph_.time_row, .bias = bias});
    graph_.time_row += blocks_of(channels) * kLanes;
    return std::ssize(graph_.slots) - 1;
  }

  ValueId norm(const std::string& name, const ValueList& x, int64_t groups, bool silu,
               int64_t slot = kNoSlot) {
    const ValueShape& like = shape(x.front());
    const ValueId y = new_value({graph_.channels_of(x), like.height, like.width});
    add(NormOperation{.name = name,
                      .x = x,
                      .y = y,
                      .groups = groups,
                      .epsilon = config_.norm_epsilon,
                      .silu = silu,
                      .slot = slot});
    return y;
  }

  ValueId resized(ValueId x, Size size) {
    if (size == Size::kSame) return x;
    const ValueId y = new_value(at_size(shape(x), size));
    add(ResizeOperation{.x = x, .y = y, .doubles = size == Size::kDouble});
    return y;
  }
  static ValueShape at_size(const ValueShape& from, Size size) {
    switch (size) {
      case Size::kHalf:
        return {from.channels, from.height / 2, from.width / 2};
      case Size::kDouble:
        return {from.channels, from.height * 2, from.width * 2};
      case Size::kSame:
        break;
    }
    return from;
  }

  // The activations as a list that operations can read.
  ValueList readable(const ValueList& parts) {
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      if (shape(parts[i]).channels % kLanes != 0) return {joined(parts)};
    }
    return parts;
  }
  ValueId joined(const ValueList& parts) {
    if (parts.size() == 1) return parts.front();
    const ValueShape& like = shape(parts.front());
    const ValueId y = new_value({graph_.channels_of(parts), like.height, like.width});
    add(JoinOperation{.x = parts, .y = y});
    return y;
  }

  // What stands beside a residual block's convolutions, at their size.
  ValueId past(const std::string& name, const ValueList& x, int64_t out, Size size) {
    if (graph_.channels_of(x) == out) return resized(joined(x), size);
    DDPM_ASSERT(size == Size::kSame);
    const ValueId y = new_value({out, shape(x.front()).height, shape(x.front()).width});
    add(PointwiseOperation{.name = name + ".conv_shortcut", .x = x, .y = y});
    return y;
  }

  void residual_block(const std::string& name, const ValueList& parts, int64_t out,
                      double divisor = 1.0, Size size = Size::kSame) {
    const ValueList x = readable(parts);
    const ValueId beside = past(name, x, out, size);
    ValueId h = norm(name + ".norm1", x, config_.norm_groups, true);
    // a doubling is read through; only a mean has to be taken before
    if (size == Size::kHalf) h = resized(h, size);
    const ValueId first = new_value({out, shape(beside).height, shape(beside).width});
    const std::string projection = name + ".time_emb_proj";
    const bool scales = config_.scale_shift;
    const int64_t slot =
        scales ? new_scale_slots(projection, out) : new_slot(projection, out, name + ".conv1.bias");
    add(ConvolutionOperation{.name = name + ".conv1",
                             .x = h,
                             .y = first,
                             .size = size == Size::kDouble ? Size::kDouble : Size::kSame,
                             .slot = scales ? kNoSlot : slot});
    h = norm(name + ".norm2", {first}, config_.norm_groups, true, scales ? slot : kNoSlot);
    now_ = new_value(shape(first));
    add(ConvolutionOperation{
        .name = name + ".conv2", .x = h, .y = now_, .residual = beside, .divisor = divisor});
  }

  // The scale, and behind it the shift: two slots of the two halves of one layer.
  int64_t new_scale_slots(const std::string& name, int64_t channels) {
    const int64_t scale = new_slot(name, channels, "");
    new_slot(name, channels, "");
    return scale;
  }

  void attention(const std::string& name, int64_t groups, double divisor = 1.0) {
    const ValueId x = now_;
    const int64_t channels = shape(x).channels;
    const ValueId normed = groups > 0 ? norm(name + ".group_norm", {x}, groups, /*silu=*/false) : x;
    const int64_t heads = config_.heads_at(channels);
    now_ = new_value(shape(x));
    add(AttentionOperation{.name = name,
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
      residual_block(concat(block, ".resnets.", j), {now_}, level.channels);
      if (level.attention_down) attention(concat(block, ".attentions.", j), config_.norm_groups);
      skips_.push_back(now_);
    }
    if (number == config_.level_count() - 1) return;
    resample(block + ".downsamplers.0", level.down, Size::kHalf);
    skips_.push_back(now_);
  }

  void up(int64_t number) {
    const UNetLevel& level = config_.level(number);
    const std::string block = concat("up_blocks.", config_.level_count() - 1 - number);
    for (int64_t j = 0; j <= config_.blocks_per_level; ++j) {
      const ValueId skip = skips_.back();
      skips_.pop_back();
      residual_block(concat(block, ".resnets.", j), {now_, skip}, level.channels);
      if (level.attention_up) attention(concat(block, ".attentions.", j), config_.norm_groups);
    }
    if (number > 0) resample(block + ".upsamplers.0", level.up, Size::kDouble);
  }

  void resample(const std::string& name, Resampling how, Size size) {
    const ValueShape from = shape(now_);
    if (how == Resampling::kResidualBlock) {
      residual_block(name, {now_}, from.channels, 1.0, size);
      return;
    }
    const ValueId x = now_;
    now_ = new_value(at_size(from, size));
    add(ConvolutionOperation{.name = name + ".conv",
                             .x = x,
                             .y = now_,
                             .size = size,
                             .padding = size == Size::kHalf ? config_.downsample_padding : 1});
  }

  void middle() {
    const int64_t channels = config_.levels.back().channels;
    residual_block("mid_block.resnets.0", {now_}, channels, config_.middle_scale);
    if (config_.middle_attention) {
      attention("mid_block.attentions.0", config_.groups_of_middle_attention(),
                config_.middle_scale);
    }
    residual_block("mid_block.resnets.1", {now_}, channels, config_.middle_scale);
  }

  const UNetConfig& config_;
  Graph graph_;
  ValueId now_ = kNoValue;
  ValueList skips_;
};

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

int64_t Graph::channels_of(const ValueList& list) const {
  int64_t channels = 0;
  for (const ValueId id : list) channels += value(id).channels;
  return channels;
}

std::vector<ValueId> inputs_of(const Operation& operation) {
  const auto with = [](std::vector<ValueId> ids, ValueId more) {
    if (more != kNoValue) ids.push_back(more);
    return ids;
  };
  return std::visit(
      Overloaded{[](const EntryOperation&) { return std::vector<ValueId>{}; },
                 [&](const ConvolutionOperation& it) { return with({it.x}, it.residual); },
                 [](const PointwiseOperation& it) { return it.x; },
                 [](const NormOperation& it) { return it.x; },
                 [&](const AttentionOperation& it) { return with({it.x}, it.residual); },
                 [](const ResizeOperation& it) { return std::vector<ValueId>{it.x}; },
                 [](const JoinOperation& it) { return it.x; },
                 [](const ExitOperation& it) { return std::vector<ValueId>{it.x}; }},
      operation);
}

ValueId output_of(const Operation& operation) {
  return std::visit(Overloaded{[](const ExitOperation&) { return kNoValue; },
                               [](const auto& it) { return it.y; }},
                    operation);
}

std::string name_of(const Operation& operation) {
  return std::visit(Overloaded{[](const ResizeOperation& it) {
                                 return std::string(it.doubles ? "doubled" : "halved");
                               },
                               [](const JoinOperation&) { return std::string("joined"); },
                               [](const ExitOperation&) { return std::string("exit"); },
                               [](const auto& it) { return it.name; }},
                    operation);
}

Graph build_graph(const UNetConfig& config) { return Builder(config).build(); }

}  // namespace ddpm
