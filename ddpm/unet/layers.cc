#include "ddpm/unet/layers_internal.h"

namespace ddpm {

namespace {

using Kind = LayerShape::Kind;
using Layers = std::vector<LayerShape>;

struct LayersOfOperator {
  const Graph& graph;

  int64_t channels(ValueId id) const { return graph.value(id).channels; }
  int64_t pixels(ValueId id) const { return graph.value(id).pixels(); }
  bool is_output(ValueId id) const {
    const auto* exit = std::get_if<ExitOperator>(&graph.operators.back());
    return exit != nullptr && exit->x == id;
  }

  Layers operator()(const EntryOperator& it) const {
    return {{it.name, Kind::kConvolution, it.image_channels, channels(it.y), 3, pixels(it.y)}};
  }
  Layers operator()(const ConvolutionOperator& it) const {
    return {{it.name, Kind::kConvolution, channels(it.x), channels(it.y), 3, pixels(it.y),
             it.residual != kNoValue || is_output(it.y)}};
  }
  Layers operator()(const PointwiseOperator& it) const {
    return {{it.name, Kind::kConvolution, channels(it.x), channels(it.y), 1, pixels(it.y)}};
  }
  Layers operator()(const NormOperator& it) const {
    return {{it.name, Kind::kNorm, channels(it.y), channels(it.y), 1, pixels(it.y)}};
  }
  Layers operator()(const AttentionOperator& it) const {
    const int64_t inner = it.inner_channels(), outer = channels(it.y), count = pixels(it.y);
    Layers layers;
    for (const char* part : {".to_q", ".to_k", ".to_v"}) {
      layers.push_back({it.name + part, Kind::kLinear, outer, inner, 1, count});
    }
    layers.push_back({it.name + ".to_out.0", Kind::kLinear, inner, outer, 1, count, true});
    layers.push_back({it.name, Kind::kAttentionProducts, inner, inner, 1, count});
    return layers;
  }
  Layers operator()(const ResizeOperator&) const { return {}; }
  Layers operator()(const ConcatOperator&) const { return {}; }
  Layers operator()(const ExitOperator&) const { return {}; }
};

}  // namespace

Layers layers_of(const Graph& graph, const Operator& op) {
  return std::visit(LayersOfOperator{graph}, op);
}

Layers time_layers_of(const Graph& graph) {
  const TimeEmbeddingOperator& time = graph.time;
  const auto table = [](const std::string& name, int64_t rows, int64_t channels) {
    return LayerShape{name, Kind::kTable, rows, channels, 1, 1};
  };
  const auto linear = [](const std::string& name, int64_t in, int64_t out) {
    return LayerShape{name, Kind::kLinear, in, out, 1, 1};
  };
  Layers layers;
  if (time.learned_times > 0) {
    layers.push_back(table("time_proj", time.learned_times, time.base_channels));
  }
  layers.push_back(linear("time_embedding.linear_1", time.base_channels, time.channels));
  layers.push_back(linear("time_embedding.linear_2", time.channels, time.channels));
  if (time.classes > 0) layers.push_back(table("class_embedding", time.classes, time.channels));
  for (const TimeProjection& projection : graph.projections) {
    layers.push_back(linear(projection.name, time.channels, projection.outputs()));
  }
  return layers;
}

}  // namespace ddpm
