#include "ddpm/unet/graph.h"

namespace ddpm {

std::vector<ValueId> inputs_of(const Operator& op) {
  const auto with = [](std::vector<ValueId> ids, ValueId more) {
    if (more != kNoValue) ids.push_back(more);
    return ids;
  };
  using Ids = std::vector<ValueId>;
  return std::visit(
      Overloaded{[](const EntryOperator&) { return Ids{}; },
                 [&](const ConvolutionOperator& it) { return with({it.x}, it.residual); },
                 [](const PointwiseOperator& it) { return Ids{it.x}; },
                 [](const NormOperator& it) { return Ids{it.x}; },
                 [&](const AttentionOperator& it) { return with({it.x}, it.residual); },
                 [](const ResizeOperator& it) { return Ids{it.x}; },
                 [](const ConcatOperator& it) { return it.x; },
                 [](const ExitOperator& it) { return Ids{it.x}; }},
      op);
}

ValueId output_of(const Operator& op) {
  return std::visit(
      Overloaded{[](const ExitOperator&) { return kNoValue; }, [](const auto& it) { return it.y; }},
      op);
}

std::string name_of(const Operator& op) {
  return std::visit(Overloaded{[](const ExitOperator&) { return std::string("exit"); },
                               [](const auto& it) { return it.name; }},
                    op);
}

std::vector<Lifetime> lifetimes_of(const Graph& graph) {
  std::vector<Lifetime> lifetimes(graph.values.size(), {-1, -1});
  for (size_t i = 0; i < graph.operators.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    const ValueId written = output_of(graph.operators[i]);
    if (written != kNoValue) lifetimes[static_cast<size_t>(written)] = {number, number};
    for (const ValueId read : inputs_of(graph.operators[i])) {
      lifetimes[static_cast<size_t>(read)].last = number;
    }
  }
  return lifetimes;
}

}  // namespace ddpm
