#include "ddpm/engine/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "ddpm/kernels/gemm.h"

namespace ddpm {

namespace {

using Parts = std::vector<std::vector<ValueId>>;

// Whether a kernel reads its input block by block, wherever the blocks lie.
bool reads_parts(const Operator& op) {
  return std::visit(Overloaded{[](const EntryOperator&) { return false; },
                               [](const ConvolutionOperator&) { return false; },
                               [](const PointwiseOperator&) { return true; },
                               [](const NormOperator&) { return true; },
                               [](const AttentionOperator&) { return false; },
                               [](const ResizeOperator&) { return false; },
                               [](const ConcatOperator&) { return false; },
                               [](const ExitOperator&) { return false; }},
                    op);
}

// Whether each part but the last ends with a full block.
bool ends_on_blocks(const Graph& graph, const ConcatOperator& concat) {
  return std::all_of(concat.x.begin(), concat.x.end() - 1,
                     [&graph](ValueId part) { return graph.value(part).channels % kLanes == 0; });
}

Parts parts_of(const Graph& graph) {
  Parts parts(graph.values.size());
  for (size_t id = 0; id < parts.size(); ++id) parts[id] = {static_cast<ValueId>(id)};
  for (const Operator& op : graph.operators) {
    const auto* concat = std::get_if<ConcatOperator>(&op);
    if (concat != nullptr && ends_on_blocks(graph, *concat)) {
      parts[static_cast<size_t>(concat->y)] = concat->x;
    }
  }
  for (const Operator& op : graph.operators) {
    if (reads_parts(op)) continue;
    for (const ValueId id : inputs_of(op)) parts[static_cast<size_t>(id)] = {id};
  }
  return parts;
}

// A part lives as long as any value that consists of it.
std::vector<Lifetime> lifetimes_with_parts(const Graph& graph, const Parts& parts) {
  std::vector<Lifetime> lifetimes = lifetimes_of(graph);
  for (size_t id = 0; id < parts.size(); ++id) {
    for (const ValueId part : parts[id]) {
      int64_t& last = lifetimes[static_cast<size_t>(part)].last;
      last = std::max(last, lifetimes[id].last);
    }
  }
  return lifetimes;
}

bool meet(const Lifetime& a, const Lifetime& b) { return a.first <= b.last && b.first <= a.last; }

struct Place {
  int64_t begin;
  int64_t end;
};

// The lowest begin of `size` floats that overlap none of the places.
int64_t lowest_free(std::vector<Place> taken, int64_t size) {
  std::sort(taken.begin(), taken.end(),
            [](const Place& a, const Place& b) { return a.begin < b.begin; });
  int64_t begin = 0;
  for (const Place& place : taken) {
    if (begin + size <= place.begin) break;
    begin = std::max(begin, place.end);
  }
  return begin;
}

// The values that have memory of their own, the largest first.
std::vector<size_t> values_by_size(const Graph& graph, const Parts& parts) {
  std::vector<size_t> order(graph.values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::erase_if(order, [&parts](size_t id) { return parts[id].size() > 1; });
  std::stable_sort(order.begin(), order.end(), [&graph](size_t a, size_t b) {
    return size_of(graph.values[a]) > size_of(graph.values[b]);
  });
  return order;
}

void place_values(const Graph& graph, MemoryPlan& plan) {
  plan.offsets.assign(graph.values.size(), -1);
  for (const size_t id : values_by_size(graph, plan.parts)) {
    std::vector<Place> taken;
    for (size_t other = 0; other < plan.offsets.size(); ++other) {
      if (plan.offsets[other] < 0 || !meet(plan.lifetimes[id], plan.lifetimes[other])) continue;
      taken.push_back({plan.offsets[other], plan.offsets[other] + size_of(graph.values[other])});
    }
    const int64_t size = size_of(graph.values[id]);
    plan.offsets[id] = lowest_free(std::move(taken), size);
    plan.size = std::max(plan.size, plan.offsets[id] + size);
  }
}

void place_projections(const Graph& graph, MemoryPlan& plan) {
  for (const TimeProjection& projection : graph.projections) {
    plan.time_offsets.push_back(plan.time_row);
    const int64_t halves = projection.scale_shift ? 2 : 1;
    plan.time_row += halves * blocks_of(projection.channels) * kLanes;
  }
}

}  // namespace

int64_t size_of(const ValueShape& shape) {
  return blocks_of(shape.channels) * kLanes * shape.pixels();
}

bool is_carried_out(const MemoryPlan& plan, const Operator& op) {
  const auto* concat = std::get_if<ConcatOperator>(&op);
  return concat == nullptr || plan.parts[static_cast<size_t>(concat->y)].size() == 1;
}

MemoryPlan plan_memory(const Graph& graph) {
  MemoryPlan plan;
  plan.parts = parts_of(graph);
  plan.lifetimes = lifetimes_with_parts(graph, plan.parts);
  place_values(graph, plan);
  place_projections(graph, plan);
  return plan;
}

}  // namespace ddpm
