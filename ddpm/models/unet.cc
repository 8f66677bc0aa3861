#include "ddpm/models/unet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/silu.h>

#include <string>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/models/time_embedding.h"
#include "ddpm/unet/initial_values.h"

namespace ddpm {

namespace {

Tensor table(const ParameterSet& parameters, const char* name, int64_t rows) {
  return rows > 0 ? parameters.at(name) : Tensor();
}

// The values that nobody reads after an operator, for each.
std::vector<std::vector<ValueId>> last_reads_of(const Graph& graph) {
  std::vector<std::vector<ValueId>> reads(graph.operators.size());
  const std::vector<Lifetime> lifetimes = lifetimes_of(graph);
  for (size_t id = 0; id < lifetimes.size(); ++id) {
    reads.at(static_cast<size_t>(lifetimes[id].last)).push_back(static_cast<ValueId>(id));
  }
  return reads;
}

// The tensors of one call.
class Execution {
 public:
  struct Input {
    Tensor x;
    at::MemoryFormat format;  // of the activations
    Tensor time;              // [N, E], the SiLU of the time embedding
  };
  Execution(const UNetConfig& config, const Graph& graph, const std::vector<Layer>& projections,
            const UNetCall& call, Input input)
      : config_(config),
        graph_(graph),
        projections_(projections),
        call_(call),
        input_(std::move(input)),
        values_(graph.values.size()) {}

  void run(const Operator& op, const std::vector<Layer>& layers) {
    const auto observe_y = [&](const auto& it) { observe(it.y, value(it.y)); };
    std::visit(
        Overloaded{[&](const EntryOperator& it) {
                     value(it.y) = entered(it, layers.at(0));
                     observe_y(it);
                   },
                   [&](const ConvolutionOperator& it) {
                     value(it.y) = convolved(it, layers.at(0));
                     observe_y(it);
                   },
                   [&](const PointwiseOperator& it) {
                     const Layer& layer = layers.at(0);
                     value(it.y) = at::conv2d(value(it.x), layer.weight, layer.bias);
                   },
                   [&](const NormOperator& it) { value(it.y) = normed(it, layers.at(0)); },
                   [&](const AttentionOperator& it) {
                     const Tensor h = attention(layers, value(it.x), it.heads);
                     value(it.y) = divided(value(it.residual) + h, it.divisor);
                     observe_y(it);
                   },
                   [&](const ResizeOperator& it) { value(it.y) = resize(value(it.x), it.resize); },
                   [&](const ConcatOperator& it) { value(it.y) = concatenated(it); },
                   [&](const ExitOperator& it) { output_ = value(it.x); }},
        op);
  }

  void forget(const std::vector<ValueId>& ids) {
    for (const ValueId id : ids) value(id) = Tensor();
  }

  Tensor output() const { return output_; }

 private:
  Tensor& value(ValueId id) { return values_.at(static_cast<size_t>(id)); }

  void observe(ValueId id, const Tensor& activation) const {
    if (!call_.observe) return;
    for (const Module& module : graph_.modules) {
      if (module.y == id) call_.observe(module.name, activation);
    }
  }

  // [N, outputs, 1, 1]
  Tensor projected(TimeId id) const {
    return linear(projections_.at(static_cast<size_t>(id)), input_.time).unsqueeze(2).unsqueeze(3);
  }

  // Not divided where that would change nothing but cost a pass over the memory.
  static Tensor divided(const Tensor& x, double divisor) {
    return divisor == 1.0 ? x : x / divisor;
  }

  Tensor entered(const EntryOperator& op, const Layer& layer) const {
    const Tensor x = op.center ? 2.0 * input_.x - 1.0 : input_.x;
    return conv3x3(layer, x.contiguous(input_.format));
  }

  Tensor convolved(const ConvolutionOperator& op, const Layer& layer) {
    Tensor h = convolution(op, layer, value(op.x));
    if (op.time != kNoTime) h = h + projected(op.time);
    if (op.residual != kNoValue) h = value(op.residual) + h;
    return divided(h, op.divisor);
  }

  Tensor normed(const NormOperator& op, const Layer& layer) {
    const auto norm = [&] { return group_norm(layer, value(op.x), op.groups, op.epsilon); };
    Tensor h;
    if (op.time != kNoTime) {
      const Tensor time = projected(op.time);
      const int64_t channels = graph_.projection(op.time).channels;
      h = norm() * (1.0 + time.narrow(1, 0, channels)) + time.narrow(1, channels, channels);
    } else {
      h = norm();
    }
    observe(op.y, h);
    if (op.silu) h = at::silu(h);
    const bool drops = op.dropout != kNoDropout && call_.dropout && config_.dropout > 0.0;
    return drops ? dropout(h, config_.dropout, *call_.dropout, op.dropout) : h;
  }

  Tensor concatenated(const ConcatOperator& op) {
    std::vector<Tensor> parts;
    for (const ValueId id : op.x) parts.push_back(value(id));
    return at::cat(parts, 1);
  }

  const UNetConfig& config_;
  const Graph& graph_;
  const std::vector<Layer>& projections_;
  const UNetCall& call_;
  Input input_;
  std::vector<Tensor> values_;
  Tensor output_;
};

}  // namespace

UNet::UNet(const UNetConfig& config)
    : config_(config),
      graph_(build_graph(config)),
      parameters_(config_),
      time_table_(table(parameters_, "time_proj.weight", config.learned_times)),
      time1_(parameters_, "time_embedding.linear_1"),
      time2_(parameters_, "time_embedding.linear_2"),
      class_table_(table(parameters_, "class_embedding.weight", config.classes)),
      last_reads_(last_reads_of(graph_)) {
  for (const TimeProjection& projection : graph_.projections) {
    projections_.emplace_back(parameters_, projection.name);
  }
  for (const Operator& op : graph_.operators) layers_.push_back(layers_of(op, parameters_));
  use_channels_last(true);
}

void UNet::initialise(uint64_t seed) {
  const std::vector<InitialValues> initial = initial_values(config_);
  for (size_t k = 0; k < initial.size(); ++k) {
    std::vector<float> elements(static_cast<size_t>(parameters_.all()[k].value.numel()));
    fill_initial_values(initial[k], seed, k, elements);
    parameters_.copy_one(k, elements);
  }
}

void UNet::use_channels_last(bool on) {
  channels_last_ = on;
  parameters_.use_channels_last(on);
}

Tensor UNet::embed(const Tensor& timesteps, const Tensor& labels, at::ScalarType type) const {
  DDPM_CHECK(labels.defined() == class_table_.defined(), "network: expected ",
             class_table_.defined() ? "one label per image, got none" : "no labels, got some");
  const TimeEmbeddingOperator& time = graph_.time;
  const Tensor e = time_table_.defined()
                       ? at::embedding(time_table_, timesteps)
                       : sinusoidal_embedding(timesteps, time.base_channels, time.frequency_shift,
                                              time.cosine_first)
                             .to(type);
  const Tensor embedding = linear(time2_, at::silu(linear(time1_, e)));
  return labels.defined() ? embedding + at::embedding(class_table_, labels) : embedding;
}

Tensor UNet::forward(const Tensor& x, const Tensor& timesteps, const UNetCall& call) const {
  // each residual block begins its use of the embedding with a SiLU: it is taken once
  const Tensor time = at::silu(embed(timesteps, call.labels, x.scalar_type()));
  Execution execution(
      config_, graph_, projections_, call,
      {x, channels_last_ ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous, time});
  for (size_t i = 0; i < graph_.operators.size(); ++i) {
    execution.run(graph_.operators[i], layers_[i]);
    execution.forget(last_reads_[i]);
  }
  return execution.output();
}

}  // namespace ddpm
