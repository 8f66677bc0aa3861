#include "ddpm/onnx/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace ddpm {
namespace {

const std::vector<float> kOnes = {1.0F, 1.0F};

OnnxGraph graph_with_input() {
  OnnxGraph graph("test");
  graph.input({"x", OnnxType::kFloat, {"N", int64_t{2}}, ""});
  return graph;
}

TEST(OnnxGraph, ANodeMayOnlyUseWhatIsThere) {
  OnnxGraph graph = graph_with_input();
  EXPECT_THROW(graph.node("Add", "sum", {"x", "y"}), std::logic_error);
  EXPECT_EQ(graph.node("Add", "twice", {"x", "x"}), "twice");
  EXPECT_EQ(graph.node("Add", "thrice", {"twice", "x"}), "thrice");
}

TEST(OnnxGraph, NamesAreUnlikeEachOther) {
  OnnxGraph graph = graph_with_input();
  EXPECT_THROW(graph.parameter("x", {2}, kOnes), std::logic_error);
  graph.parameter("w", {2}, kOnes);
  EXPECT_THROW(graph.parameter("w", {2}, kOnes), std::logic_error);
  EXPECT_THROW(graph.node("Neg", "w", {"x"}), std::logic_error);
  graph.add({"Neg", "negative", {"x"}, {"y"}, {}});
  EXPECT_THROW(graph.add({"Neg", "negative", {"x"}, {"z"}, {}}), std::logic_error);
}

TEST(OnnxGraph, ATensorHasAsManyNumbersAsItsShapeSays) {
  OnnxGraph graph = graph_with_input();
  EXPECT_THROW(graph.parameter("w", {3}, kOnes), std::logic_error);
  EXPECT_THROW(graph.constant("c", {2, 2}, std::vector<int64_t>{1, 2}), std::logic_error);
}

TEST(OnnxGraph, AConstantIsThereOnceAndMayNotChange) {
  OnnxGraph graph = graph_with_input();
  graph.constant("c", {2}, std::vector<int64_t>{1, 2});
  graph.constant("c", {2}, std::vector<int64_t>{1, 2});
  EXPECT_EQ(graph.initializers().size(), 1U);
  EXPECT_THROW(graph.constant("c", {2}, std::vector<int64_t>{1, 3}), std::logic_error);
  EXPECT_THROW(graph.constant("c", {1}, std::vector<int64_t>{1}), std::logic_error);
  EXPECT_THROW(graph.constant("c", {2}, kOnes), std::logic_error);
}

TEST(OnnxGraph, AnOutputIsAValueOfTheGraph) {
  OnnxGraph graph = graph_with_input();
  EXPECT_THROW(graph.output({"y", OnnxType::kFloat, {"N"}, ""}), std::logic_error);
}

TEST(OnnxGraph, ItsConstantsMoveWithIt) {
  OnnxGraph graph = graph_with_input();
  graph.constant("c", {1}, std::vector<float>{2.5F});
  const OnnxGraph moved = std::move(graph);
  float value = 0.0F;
  std::copy(moved.initializers()[0].bytes.begin(), moved.initializers()[0].bytes.end(),
            reinterpret_cast<std::byte*>(&value));
  EXPECT_EQ(value, 2.5F);
}

}  // namespace
}  // namespace ddpm
