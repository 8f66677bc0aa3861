#include "ddpm/unet/work.h"

#include "ddpm/base/check.h"
#include "ddpm/unet/layers_internal.h"

namespace ddpm {

namespace {

constexpr const char* kTooMany = "unet: the multiply-adds of one image must be fewer than 2^63";

// a * b, for a and b of at least 0.
int64_t product(int64_t a, int64_t b) {
  int64_t result = 0;
  DDPM_CHECK(!__builtin_mul_overflow(a, b, &result), kTooMany);
  return result;
}

int64_t sum(int64_t a, int64_t b) {
  int64_t result = 0;
  DDPM_CHECK(!__builtin_add_overflow(a, b, &result), kTooMany);
  return result;
}

int64_t multiply_adds_of(const LayerShape& layer) {
  switch (layer.kind) {
    case LayerShape::Kind::kConvolution:
    case LayerShape::Kind::kLinear:
      return product(layer.in * layer.out * layer.side * layer.side, layer.positions);
    case LayerShape::Kind::kAttentionProducts:  // queries by keys, then weights by values
      return product(product(2 * layer.positions, layer.positions), layer.in);
    case LayerShape::Kind::kNorm:
    case LayerShape::Kind::kTable:
      break;
  }
  return 0;
}

int64_t multiply_adds_of(const std::vector<LayerShape>& layers) {
  int64_t total = 0;
  for (const LayerShape& layer : layers) total = sum(total, multiply_adds_of(layer));
  return total;
}

}  // namespace

int64_t multiply_adds_of(const Graph& graph, const Operator& op) {
  return multiply_adds_of(layers_of(graph, op));
}

int64_t multiply_adds_of_time(const Graph& graph) {
  return multiply_adds_of(time_layers_of(graph));
}

int64_t count_multiply_adds(const UNetConfig& config) {
  const Graph graph = build_graph(config);
  int64_t total = multiply_adds_of_time(graph);
  for (const Operator& op : graph.operators) total = sum(total, multiply_adds_of(graph, op));
  return total;
}

}  // namespace ddpm
