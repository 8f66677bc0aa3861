#include "ddpm/engine/operator_profile.h"

#include "ddpm/engine/memory_plan.h"

namespace ddpm {

std::string kind_of(const Operator& op) {
  using std::string;
  return std::visit(Overloaded{[](const EntryOperator&) { return string("entry"); },
                               [](const ConvolutionOperator& it) {
                                 return string(it.resize == Resize::kHalf ? "halving 3x3" : "3x3");
                               },
                               [](const PointwiseOperator&) { return string("1x1"); },
                               [](const NormOperator&) { return string("norm"); },
                               [](const AttentionOperator&) { return string("attention"); },
                               [](const ResizeOperator&) { return string("resize"); },
                               [](const ConcatOperator&) { return string("concat"); },
                               [](const ExitOperator&) { return string("exit"); }},
                    op);
}

int64_t activation_bytes_of(const Graph& graph, const Operator& op) {
  std::vector<ValueId> touched = inputs_of(op);
  const ValueId output = output_of(op);
  if (output != kNoValue) touched.push_back(output);
  int64_t bytes = 0;
  for (const ValueId id : touched) {
    bytes += size_of(graph.value(id)) * static_cast<int64_t>(sizeof(float));
  }
  return bytes;
}

}  // namespace ddpm
