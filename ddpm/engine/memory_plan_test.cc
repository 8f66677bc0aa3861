#include "ddpm/engine/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "ddpm/kernels/gemm.h"
#include "ddpm/testing/engine_networks.h"

namespace ddpm {
namespace {

// The values with memory of their own that an operator reads or writes.
std::vector<ValueId> touched_by(const Operator& op, const MemoryPlan& plan) {
  if (!is_carried_out(plan, op)) return {};
  std::vector<ValueId> touched;
  for (const ValueId id : inputs_of(op)) {
    const auto& parts = plan.parts.at(static_cast<size_t>(id));
    touched.insert(touched.end(), parts.begin(), parts.end());
  }
  if (output_of(op) != kNoValue) touched.push_back(output_of(op));
  return touched;
}

// Whether a value is needed while operator `number` runs: touched by it, or before and after.
std::vector<std::vector<bool>> needed(const Graph& graph, const MemoryPlan& plan) {
  const size_t count = graph.operators.size();
  std::vector<std::vector<bool>> table(count, std::vector<bool>(graph.values.size(), false));
  std::vector<std::vector<size_t>> touches(graph.values.size());
  for (size_t i = 0; i < count; ++i) {
    for (const ValueId id : touched_by(graph.operators[i], plan)) {
      touches[static_cast<size_t>(id)].push_back(i);
    }
  }
  for (size_t id = 0; id < touches.size(); ++id) {
    if (touches[id].empty()) continue;
    for (size_t i = touches[id].front(); i <= touches[id].back(); ++i) table[i][id] = true;
  }
  return table;
}

// The maximum of what lives at one moment, in floats: no arena is smaller.
int64_t least_arena(const Graph& graph, const MemoryPlan& plan) {
  int64_t most = 0;
  for (const std::vector<bool>& moment : needed(graph, plan)) {
    int64_t sum = 0;
    for (size_t id = 0; id < moment.size(); ++id) sum += moment[id] ? size_of(graph.values[id]) : 0;
    most = std::max(most, sum);
  }
  return most;
}

TEST(MemoryPlan, WhatLivesAtTheSameTimeLiesApart) {
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const Graph graph = build_graph(config);
    const MemoryPlan plan = plan_memory(graph);
    ASSERT_EQ(plan.offsets.size(), graph.values.size());
    for (const std::vector<bool>& moment : needed(graph, plan)) {
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

TEST(MemoryPlan, EveryActivationLiesInTheArenaAtAWholeBlock) {
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const Graph graph = build_graph(config);
    const MemoryPlan plan = plan_memory(graph);
    for (size_t id = 0; id < graph.values.size(); ++id) {
      if (plan.parts[id].size() > 1) {
        EXPECT_EQ(plan.offsets[id], -1) << name;
        continue;
      }
      EXPECT_GE(plan.offsets[id], 0) << name;
      EXPECT_EQ(plan.offsets[id] % kLanes, 0) << name;
      EXPECT_LE(plan.offsets[id] + size_of(graph.values[id]), plan.size) << name;
    }
  }
}

TEST(MemoryPlan, ALifeIsFromTheOperationThatWritesToTheLastThatReads) {
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const Graph graph = build_graph(config);
    const MemoryPlan plan = plan_memory(graph);
    const auto table = needed(graph, plan);
    for (size_t id = 0; id < graph.values.size(); ++id) {
      if (plan.parts[id].size() > 1) continue;
      for (size_t k = 0; k < table.size(); ++k) {
        const auto number = static_cast<int64_t>(k);
        const bool lives = plan.lifetimes[id].first <= number && number <= plan.lifetimes[id].last;
        ASSERT_EQ(lives, table[k][id]) << name;
      }
    }
  }
}

double ratio_to_least(const UNetConfig& config) {
  const Graph graph = build_graph(config);
  const MemoryPlan plan = plan_memory(graph);
  const int64_t least = least_arena(graph, plan);
  EXPECT_GE(plan.size, least);
  return static_cast<double>(plan.size) / static_cast<double>(least);
}

// The largest first is a rule of thumb: what it reaches has to be looked at.
TEST(MemoryPlan, TheArenaOfThePapersNetworksIsTheLeastThatThereCanBe) {
  EXPECT_EQ(ratio_to_least(cifar10()), 1.0);
  EXPECT_EQ(ratio_to_least(lsun256()), 1.0);
}

// 1.4 is the worst seen, of networks whose activations are all nearly of one size.
TEST(MemoryPlan, AnyArenaIsLessThanOneAndAHalfTimesTheLeast) {
  double worst = 1.0;
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const double ratio = ratio_to_least(config);
    EXPECT_LE(ratio, 1.5) << name;
    worst = std::max(worst, ratio);
  }
  RecordProperty("worst_ratio", std::to_string(worst));
}

// Whether the kernels of all readers of a value take its blocks from anywhere.
bool all_read_parts(const Graph& graph, ValueId id) {
  return std::all_of(graph.operators.begin(), graph.operators.end(), [id](const Operator& op) {
    const std::vector<ValueId> read = inputs_of(op);
    return std::count(read.begin(), read.end(), id) == 0 ||
           std::holds_alternative<NormOperator>(op) ||
           std::holds_alternative<PointwiseOperator>(op);
  });
}

TEST(MemoryPlan, AConcatenationIsReadInPlaceWhereItsPartsEndOnBlocksAndEveryReaderCan) {
  int64_t in_place = 0, carried_out = 0;
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const Graph graph = build_graph(config);
    const MemoryPlan plan = plan_memory(graph);
    for (const Operator& op : graph.operators) {
      const auto* concat = std::get_if<ConcatOperator>(&op);
      if (concat == nullptr) {
        EXPECT_TRUE(is_carried_out(plan, op));
        continue;
      }
      const bool on_blocks = graph.value(concat->x.front()).channels % kLanes == 0;
      const bool expected = on_blocks && all_read_parts(graph, concat->y);
      EXPECT_EQ(is_carried_out(plan, op), !expected) << name << ": " << concat->name;
      EXPECT_EQ(plan.parts.at(static_cast<size_t>(concat->y)),
                expected ? concat->x : std::vector<ValueId>{concat->y});
      ++(expected ? in_place : carried_out);
    }
  }
  EXPECT_GT(in_place, 0);
  EXPECT_GT(carried_out, 0);
}

TEST(MemoryPlan, TheProjectionsOfARowAreWholeBlocksApart) {
  for (const auto& [name, config] : networks_of_all_kinds()) {
    const Graph graph = build_graph(config);
    const MemoryPlan plan = plan_memory(graph);
    int64_t end = 0;
    for (size_t id = 0; id < graph.projections.size(); ++id) {
      EXPECT_EQ(plan.time_offsets.at(id) % kLanes, 0) << name;
      EXPECT_GE(plan.time_offsets.at(id), end) << name;
      // whole vectors are read, of the scales and of the shifts
      const int64_t halves = graph.projections[id].scale_shift ? 2 : 1;
      end = plan.time_offsets[id] + halves * blocks_of(graph.projections[id].channels) * kLanes;
    }
    EXPECT_EQ(plan.time_row, end) << name;
  }
}

TEST(MemoryPlan, AnActivationFillsWholeBlocks) {
  EXPECT_EQ(size_of({.channels = 1, .height = 3, .width = 5}), 16 * 15);
  EXPECT_EQ(size_of({.channels = 16, .height = 3, .width = 5}), 16 * 15);
  EXPECT_EQ(size_of({.channels = 17, .height = 1, .width = 1}), 32);
}

}  // namespace
}  // namespace ddpm
