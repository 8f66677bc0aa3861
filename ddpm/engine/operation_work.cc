#include "ddpm/engine/operation_work.h"

#include <variant>

#include "ddpm/kernels/gemm.h"

namespace ddpm {

namespace {

struct Work {
  const UNetConfig& config;
  const Graph& graph;

  double pixels(ValueId id) const { return static_cast<double>(graph.value(id).pixels()); }
  double channels(ValueId id) const { return static_cast<double>(graph.value(id).channels); }

  double operator()(const EntryOperation& it) const {
    return 9 * pixels(it.y) * static_cast<double>(config.image_channels) * channels(it.y);
  }
  double operator()(const ConvolutionOperation& it) const {
    return 9 * pixels(it.y) * channels(it.x) * channels(it.y);
  }
  double operator()(const PointwiseOperation& it) const {
    return pixels(it.y) * static_cast<double>(graph.channels_of(it.x)) * channels(it.y);
  }
  double operator()(const AttentionOperation& it) const {
    const double inner = static_cast<double>(it.heads * it.head_channels);
    return 4 * pixels(it.y) * channels(it.y) * inner + 2 * pixels(it.y) * pixels(it.y) * inner;
  }
  template <typename Other>
  double operator()(const Other&) const {
    return 0.0;
  }
};

struct Kind {
  std::string operator()(const EntryOperation&) const { return "entry"; }
  std::string operator()(const ConvolutionOperation& it) const {
    return it.size == ConvolutionOperation::Size::kHalf ? "halving 3x3" : "3x3";
  }
  std::string operator()(const PointwiseOperation&) const { return "1x1"; }
  std::string operator()(const NormOperation&) const { return "norm"; }
  std::string operator()(const AttentionOperation&) const { return "attention"; }
  std::string operator()(const ResizeOperation&) const { return "resize"; }
  std::string operator()(const JoinOperation&) const { return "join"; }
  std::string operator()(const ExitOperation&) const { return "exit"; }
};

int64_t bytes_of(const Graph& graph, ValueId id) {
  if (id == kNoValue) return 0;
  const ValueShape& shape = graph.value(id);
  return blocks_of(shape.channels) * kLanes * shape.pixels() * int64_t{sizeof(float)};
}

}  // namespace

std::string kind_of(const Operation& operation) { return std::visit(Kind{}, operation); }

double multiply_adds_of(const UNetConfig& config, const Graph& graph, const Operation& operation) {
  return std::visit(Work{config, graph}, operation);
}

int64_t activation_bytes_of(const Graph& graph, const Operation& operation) {
  int64_t bytes = bytes_of(graph, output_of(operation));
  for (const ValueId id : inputs_of(operation)) bytes += bytes_of(graph, id);
  return bytes;
}

}  // namespace ddpm
