#include "ddpm/engine/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "ddpm/engine/some_networks_internal.h"
#include "ddpm/kernels/gemm.h"

namespace ddpm {
namespace {

// Whether a value is needed while operation `number` runs: written by it, read by it, or between.
std::vector<std::vector<bool>> needed(const Graph& graph) {
  const size_t operations = graph.operations.size();
  std::vector<std::vector<bool>> table(operations, std::vector<bool>(graph.values.size(), false));
  std::vector<size_t> last(graph.values.size(), 0);
  for (size_t i = 0; i < operations; ++i) {
    for (const ValueId id : inputs_of(graph.operations[i])) last[static_cast<size_t>(id)] = i;
  }
  for (size_t i = 0; i < operations; ++i) {
    const ValueId y = output_of(graph.operations[i]);
    if (y == kNoValue) continue;
    const auto id = static_cast<size_t>(y);
    for (size_t k = i; k <= std::max(i, last[id]); ++k) table[k][id] = true;
  }
  return table;
}

// Floats that live at one moment, at most: no arena is smaller.
int64_t least_arena(const Graph& graph) {
  int64_t most = 0;
  for (const std::vector<bool>& moment : needed(graph)) {
    int64_t sum = 0;
    for (size_t id = 0; id < moment.size(); ++id) sum += moment[id] ? size_of(graph.values[id]) : 0;
    most = std::max(most, sum);
  }
  return most;
}

TEST(Plan, WhatLivesAtTheSameTimeLiesApart) {
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const Graph graph = build_graph(config);
    const Plan plan = plan_memory(graph);
    ASSERT_EQ(plan.offsets.size(), graph.values.size());
    for (const std::vector<bool>& moment : needed(graph)) {
      std::vector<std::pair<int64_t, int64_t>> places;
      for (size_t id = 0; id < moment.size(); ++id) {
        if (!moment[id]) continue;
        places.emplace_back(plan.offsets[id], plan.offsets[id] + size_of(graph.values[id]));
      }
      std::sort(places.begin(), places.end());
      for (size_t i = 1; i < places.size(); ++i) {
        ASSERT_LE(places[i - 1].second, places[i].first) << name;
      }
    }
  }
}

TEST(Plan, EveryActivationLiesInTheArenaAtAWholeBlock) {
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const Graph graph = build_graph(config);
    const Plan plan = plan_memory(graph);
    for (size_t id = 0; id < graph.values.size(); ++id) {
      EXPECT_GE(plan.offsets[id], 0) << name;
      EXPECT_EQ(plan.offsets[id] % kLanes, 0) << name;
      EXPECT_LE(plan.offsets[id] + size_of(graph.values[id]), plan.size) << name;
    }
  }
}

TEST(Plan, ALifeIsFromTheOperationThatWritesToTheLastThatReads) {
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const Graph graph = build_graph(config);
    const Plan plan = plan_memory(graph);
    const auto table = needed(graph);
    for (size_t id = 0; id < graph.values.size(); ++id) {
      for (size_t k = 0; k < table.size(); ++k) {
        const auto number = static_cast<int64_t>(k);
        const bool lives = plan.lives[id].first <= number && number <= plan.lives[id].last;
        ASSERT_EQ(lives, table[k][id]) << name;
      }
    }
  }
}

double ratio_to_least(const UNetConfig& config) {
  const Graph graph = build_graph(config);
  const int64_t least = least_arena(graph);
  EXPECT_GE(plan_memory(graph).size, least);
  return static_cast<double>(plan_memory(graph).size) / static_cast<double>(least);
}

// The largest first is a rule of thumb: what it reaches has to be looked at.
TEST(Plan, TheArenaOfThePapersNetworksIsTheLeastThatThereCanBe) {
  EXPECT_EQ(ratio_to_least(cifar10()), 1.0);
  EXPECT_EQ(ratio_to_least(lsun256()), 1.0);
}

// 1.4 is the worst seen, of networks whose activations are all nearly of one size.
TEST(Plan, AnyArenaIsLessThanOneAndAHalfTimesTheLeast) {
  double worst = 1.0;
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const double ratio = ratio_to_least(config);
    EXPECT_LE(ratio, 1.5) << name;
    worst = std::max(worst, ratio);
  }
  RecordProperty("worst_ratio", std::to_string(worst));
}

TEST(Plan, AnActivationFillsWholeBlocks) {
  EXPECT_EQ(size_of({.channels = 1, .height = 3, .width = 5}), 16 * 15);
  EXPECT_EQ(size_of({.channels = 16, .height = 3, .width = 5}), 16 * 15);
  EXPECT_EQ(size_of({.channels = 17, .height = 1, .width = 1}), 32);
}

}  // namespace
}  // namespace ddpm
