#include "ddpm/engine/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/complaint.h"
#include "ddpm/engine/some_networks_internal.h"
#include "ddpm/kernels/gemm.h"

namespace ddpm {
namespace {

// Calls look(config, graph) for each of the networks.
template <typename Look>
void for_each_graph(const Look& look) {
  const auto networks = networks_of_all_kinds();
  EXPECT_GE(networks.size(), 220U) << "the files of tests/golden/unet are there";
  for (const auto& [name, config] : networks) {
    SCOPED_TRACE(name);
    look(config, build_graph(config));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Graph, EveryActivationIsWrittenOnceAndBeforeItIsRead) {
  for_each_graph([](const UNetConfig&, const Graph& graph) {
    std::vector<int64_t> written(graph.values.size(), 0), read(graph.values.size(), 0);
    for (const Operation& operation : graph.operations) {
      for (const ValueId id : inputs_of(operation)) {
        EXPECT_EQ(written.at(static_cast<size_t>(id)), 1) << name_of(operation);
        ++read[static_cast<size_t>(id)];
      }
      const ValueId y = output_of(operation);
      if (y != kNoValue) ++written.at(static_cast<size_t>(y));
    }
    for (size_t id = 0; id < written.size(); ++id) {
      EXPECT_EQ(written[id], 1) << id;
      EXPECT_GE(read[id], 1) << id << " is of use";
    }
  });
}

TEST(Graph, TheEntryIsFirstAndTheExitLastAndThereIsOneOfEach) {
  for_each_graph([](const UNetConfig&, const Graph& graph) {
    int64_t entries = 0, exits = 0;
    for (const Operation& operation : graph.operations) {
      entries += std::holds_alternative<EntryOperation>(operation);
      exits += std::holds_alternative<ExitOperation>(operation);
    }
    EXPECT_EQ(entries, 1);
    EXPECT_EQ(exits, 1);
    EXPECT_TRUE(std::holds_alternative<EntryOperation>(graph.operations.front()));
    EXPECT_TRUE(std::holds_alternative<ExitOperation>(graph.operations.back()));
  });
}

// The names of the layers that operations and slots read, and how often.
using Layers = std::map<std::string, int64_t>;

void add_layers(const Operation& operation, Layers& layers) {
  if (std::holds_alternative<AttentionOperation>(operation)) {
    for (const char* part : {".to_q", ".to_k", ".to_v", ".to_out.0"}) {
      ++layers[name_of(operation) + part + ".weight"];
      ++layers[name_of(operation) + part + ".bias"];
    }
    return;
  }
  if (std::holds_alternative<ResizeOperation>(operation) ||
      std::holds_alternative<JoinOperation>(operation) ||
      std::holds_alternative<ExitOperation>(operation)) {
    return;
  }
  ++layers[name_of(operation) + ".weight"];
  const auto* convolution = std::get_if<ConvolutionOperation>(&operation);
  if (convolution == nullptr || convolution->slot == kNoSlot) {
    ++layers[name_of(operation) + ".bias"];
  }
}

Layers layers_of(const UNetConfig& config, const Graph& graph) {
  Layers layers;
  for (const Operation& operation : graph.operations) add_layers(operation, layers);
  std::string before;
  for (const TimeSlot& slot : graph.slots) {
    if (!slot.bias.empty()) ++layers[slot.bias];
    if (slot.name == before) continue;  // the shift behind its scale: two halves of one layer
    before = slot.name;
    ++layers[slot.name + ".weight"];
    ++layers[slot.name + ".bias"];
  }
  for (const char* part : {"time_embedding.linear_1", "time_embedding.linear_2"}) {
    ++layers[std::string(part) + ".weight"];
    ++layers[std::string(part) + ".bias"];
  }
  if (config.learned_times > 0) ++layers["time_proj.weight"];
  if (config.classes > 0) ++layers["class_embedding.weight"];
  return layers;
}

TEST(Graph, ItsTensorsAreThoseOfTheNetworkEachUsedOnce) {
  for_each_graph([](const UNetConfig& config, const Graph& graph) {
    Layers wanted;
    for (const NamedShape& parameter : unet_parameters(config)) ++wanted[parameter.name];
    EXPECT_EQ(layers_of(config, graph), wanted);
  });
}

// What an operation of each kind demands of the shapes around it.
struct Shapes {
  const UNetConfig& config;
  const Graph& graph;

  const ValueShape& of(ValueId id) const { return graph.value(id); }
  // All of one size, and the channels added up.
  ValueShape of(const ValueList& list) const {
    for (const ValueId id : list) {
      EXPECT_EQ(of(id).height, of(list.front()).height);
      EXPECT_EQ(of(id).width, of(list.front()).width);
    }
    return {graph.channels_of(list), of(list.front()).height, of(list.front()).width};
  }

  void operator()(const EntryOperation& it) const {
    EXPECT_EQ(of(it.y), (ValueShape{config.base_channels(), config.height, config.width}));
    EXPECT_EQ(it.center, config.center_input);
  }
  void operator()(const ConvolutionOperation& it) const {
    using Size = ConvolutionOperation::Size;
    const ValueShape x = of(it.x), y = of(it.y);
    const int64_t twice = it.size == Size::kDouble ? 2 : 1, half = it.size == Size::kHalf ? 2 : 1;
    EXPECT_EQ(x.height * twice, y.height * half);
    EXPECT_EQ(x.width * twice, y.width * half);
    if (it.size == Size::kHalf) {
      EXPECT_EQ(it.padding, config.downsample_padding);
      EXPECT_EQ(it.slot, kNoSlot);  // the halving step takes neither
      EXPECT_EQ(it.residual, kNoValue);
    }
    if (it.residual != kNoValue) {
      EXPECT_EQ(of(it.residual), y);
    } else {
      EXPECT_EQ(it.divisor, 1.0);
    }
    if (it.slot != kNoSlot) {
      EXPECT_EQ(graph.slot(it.slot).channels, y.channels);
      EXPECT_EQ(graph.slot(it.slot).bias, it.name + ".bias");
    }
  }
  void operator()(const PointwiseOperation& it) const {
    EXPECT_EQ(of(it.x).height, of(it.y).height);
    EXPECT_EQ(of(it.x).width, of(it.y).width);
  }
  void operator()(const NormOperation& it) const {
    EXPECT_EQ(of(it.x), of(it.y));
    EXPECT_EQ(of(it.y).channels % it.groups, 0);
    EXPECT_EQ(it.epsilon, config.norm_epsilon);
    if (it.slot == kNoSlot) return;
    EXPECT_EQ(graph.slot(it.slot).channels, of(it.y).channels);
    EXPECT_EQ(graph.slot(it.slot + 1).channels, of(it.y).channels);
    EXPECT_EQ(graph.slot(it.slot + 1).name, graph.slot(it.slot).name);
    EXPECT_EQ(graph.slot(it.slot).bias + graph.slot(it.slot + 1).bias, "");
  }
  void operator()(const AttentionOperation& it) const {
    EXPECT_EQ(of(it.x), of(it.y));
    EXPECT_EQ(of(it.residual), of(it.y));
    EXPECT_EQ(it.heads, config.heads_at(of(it.y).channels));
    EXPECT_EQ(it.heads * it.head_channels, config.attention_channels(of(it.y).channels));
  }
  void operator()(const ResizeOperation& it) const {
    const ValueShape &large = of(it.doubles ? it.y : it.x), &little = of(it.doubles ? it.x : it.y);
    EXPECT_EQ(large, (ValueShape{little.channels, 2 * little.height, 2 * little.width}));
  }
  void operator()(const JoinOperation& it) const { EXPECT_EQ(of(it.x), of(it.y)); }
  void operator()(const ExitOperation& it) const {
    EXPECT_EQ(of(it.x), (ValueShape{config.output_channels(), config.height, config.width}));
  }
};

TEST(Graph, TheShapesOfAnOperationFitTogether) {
  for_each_graph([](const UNetConfig& config, const Graph& graph) {
    for (const Operation& operation : graph.operations) {
      SCOPED_TRACE(name_of(operation));
      std::visit(Shapes{config, graph}, operation);
    }
  });
}

// A convolution's channels are those that the network's list of tensors has for its weights.
TEST(Graph, TheShapesOfTheWeightsFitTheActivations) {
  for_each_graph([](const UNetConfig& config, const Graph& graph) {
    std::map<std::string, std::vector<int64_t>> shapes;
    for (const NamedShape& parameter : unet_parameters(config)) {
      shapes[parameter.name] = parameter.shape;
    }
    const auto expect_channels = [&](const std::string& name, int64_t out, int64_t in) {
      EXPECT_EQ(shapes.at(name + ".weight").at(0), out) << name;
      EXPECT_EQ(shapes.at(name + ".weight").at(1), in) << name;
    };
    for (const Operation& operation : graph.operations) {
      if (const auto* it = std::get_if<ConvolutionOperation>(&operation)) {
        expect_channels(it->name, graph.value(it->y).channels, graph.value(it->x).channels);
      } else if (const auto* pointwise = std::get_if<PointwiseOperation>(&operation)) {
        expect_channels(pointwise->name, graph.value(pointwise->y).channels,
                        graph.channels_of(pointwise->x));
      } else if (const auto* norm = std::get_if<NormOperation>(&operation)) {
        EXPECT_EQ(shapes.at(norm->name + ".weight").at(0), graph.value(norm->y).channels);
      }
    }
  });
}

TEST(Graph, EachPartOfAListButTheLastHasAMultipleOf16) {
  int64_t joins = 0, lists = 0;
  for_each_graph([&](const UNetConfig&, const Graph& graph) {
    for (const Operation& operation : graph.operations) {
      joins += std::holds_alternative<JoinOperation>(operation);
      if (std::holds_alternative<JoinOperation>(operation)) continue;  // what makes it so
      const auto* norm = std::get_if<NormOperation>(&operation);
      const auto* pointwise = std::get_if<PointwiseOperation>(&operation);
      if (norm == nullptr && pointwise == nullptr) continue;
      const ValueList& list = norm != nullptr ? norm->x : pointwise->x;
      lists += list.size() > 1;
      for (size_t i = 0; i + 1 < list.size(); ++i) {
        EXPECT_EQ(graph.value(list[i]).channels % kLanes, 0) << name_of(operation);
      }
    }
  });
  EXPECT_GT(joins, 0);
  EXPECT_GT(lists, 0);
}

TEST(Graph, TheSlotsOfARowTouchNoneOfTheOthers) {
  for_each_graph([](const UNetConfig&, const Graph& graph) {
    int64_t end = 0;
    for (const TimeSlot& slot : graph.slots) {
      EXPECT_EQ(slot.offset % kLanes, 0) << slot.name;
      EXPECT_GE(slot.offset, end) << slot.name;
      end = slot.offset + blocks_of(slot.channels) * kLanes;  // whole vectors are read
    }
    EXPECT_EQ(graph.time_row, end);
  });
}

// Multiply-adds of an operation from shapes alone.
struct Products {
  const UNetConfig& config;
  const Graph& graph;

  const ValueShape& of(ValueId id) const { return graph.value(id); }
  int64_t operator()(const EntryOperation& it) const {
    return 9 * config.image_channels * of(it.y).channels * of(it.y).pixels();
  }
  int64_t operator()(const ConvolutionOperation& it) const {
    return 9 * of(it.x).channels * of(it.y).channels * of(it.y).pixels();
  }
  int64_t operator()(const PointwiseOperation& it) const {
    return graph.channels_of(it.x) * of(it.y).channels * of(it.y).pixels();
  }
  int64_t operator()(const AttentionOperation& it) const {
    const int64_t inner = it.heads * it.head_channels, pixels = of(it.y).pixels();
    return 4 * of(it.y).channels * inner * pixels + 2 * inner * pixels * pixels;
  }
  int64_t operator()(const NormOperation&) const { return 0; }
  int64_t operator()(const ResizeOperation&) const { return 0; }
  int64_t operator()(const JoinOperation&) const { return 0; }
  int64_t operator()(const ExitOperation&) const { return 0; }
};

TEST(Graph, ItMultipliesAsOftenAsTheNetworkDoes) {
  for_each_graph([](const UNetConfig& config, const Graph& graph) {
    int64_t products = 0;
    for (const Operation& operation : graph.operations) {
      products += std::visit(Products{config, graph}, operation);
    }
    const int64_t width = config.embedding_channels();
    products += config.base_channels() * width + width * width;  // the embedding of the time
    for (const TimeSlot& slot : graph.slots) products += slot.channels * width;
    EXPECT_EQ(products, count_multiply_adds(config));
  });
}

TEST(Graph, AConfigurationThatNoNetworkHasIsRefused) {
  expect_contains(complaint<InvalidArgument>([] { build_graph({.image_channels = 5}); }),
                  "image_channels must be in 1 to 4, got 5");
}

}  // namespace
}  // namespace ddpm
