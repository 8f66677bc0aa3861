#include "ddpm/engine/plan.h"

#include <algorithm>
#include <numeric>

#include "ddpm/kernels/gemm.h"

namespace ddpm {

namespace {

std::vector<Plan::Life> lives_of(const Graph& graph) {
  std::vector<Plan::Life> lives(graph.values.size(), {-1, -1});
  for (size_t i = 0; i < graph.operations.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    const ValueId written = output_of(graph.operations[i]);
    if (written != kNoValue) lives[static_cast<size_t>(written)] = {number, number};
    for (const ValueId read : inputs_of(graph.operations[i])) {
      lives[static_cast<size_t>(read)].last = number;
    }
  }
  return lives;
}

bool meet(const Plan::Life& a, const Plan::Life& b) {
  return a.first <= b.last && b.first <= a.last;
}

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

}  // namespace

int64_t size_of(const ValueShape& shape) {
  return blocks_of(shape.channels) * kLanes * shape.pixels();
}

Plan plan_memory(const Graph& graph) {
  const size_t count = graph.values.size();
  Plan plan{.offsets = std::vector<int64_t>(count, -1), .lives = lives_of(graph)};
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return size_of(graph.values[a]) > size_of(graph.values[b]);
  });
  for (const size_t id : order) {
    std::vector<Place> taken;
    for (size_t other = 0; other < count; ++other) {
      if (plan.offsets[other] < 0 || !meet(plan.lives[id], plan.lives[other])) continue;
      taken.push_back({plan.offsets[other], plan.offsets[other] + size_of(graph.values[other])});
    }
    const int64_t size = size_of(graph.values[id]);
    plan.offsets[id] = lowest_free(std::move(taken), size);
    plan.size = std::max(plan.size, plan.offsets[id] + size);
  }
  return plan;
}

}  // namespace ddpm
