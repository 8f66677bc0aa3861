#include "ddpm/unet/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/some_networks.h"
#include "ddpm/unet/parameters.h"
#include "ddpm/unet/work.h"

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
    for (const Operator& op : graph.operators) {
      for (const ValueId id : inputs_of(op)) {
        EXPECT_EQ(written.at(static_cast<size_t>(id)), 1) << name_of(op);
        ++read[static_cast<size_t>(id)];
      }
      const ValueId y = output_of(op);
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
    for (const Operator& op : graph.operators) {
      entries += std::holds_alternative<EntryOperator>(op);
      exits += std::holds_alternative<ExitOperator>(op);
    }
    EXPECT_EQ(entries, 1);
    EXPECT_EQ(exits, 1);
    EXPECT_TRUE(std::holds_alternative<EntryOperator>(graph.operators.front()));
    EXPECT_TRUE(std::holds_alternative<ExitOperator>(graph.operators.back()));
  });
}

// How often each tensor is read.
using Tensors = std::map<std::string, int64_t>;

void add_layer(const std::string& name, Tensors& tensors) {
  ++tensors[name + ".weight"];
  ++tensors[name + ".bias"];
}

void add_tensors(const Operator& op, Tensors& tensors) {
  if (std::holds_alternative<AttentionOperator>(op)) {
    for (const char* part : {".to_q", ".to_k", ".to_v", ".to_out.0"}) {
      add_layer(name_of(op) + part, tensors);
    }
  } else if (!std::holds_alternative<ResizeOperator>(op) &&
             !std::holds_alternative<ConcatOperator>(op) &&
             !std::holds_alternative<ExitOperator>(op)) {
    add_layer(name_of(op), tensors);
  }
}

Tensors tensors_of(const Graph& graph) {
  Tensors tensors;
  for (const Operator& op : graph.operators) add_tensors(op, tensors);
  for (const TimeProjection& projection : graph.projections) add_layer(projection.name, tensors);
  add_layer("time_embedding.linear_1", tensors);
  add_layer("time_embedding.linear_2", tensors);
  if (graph.time.learned_times > 0) ++tensors["time_proj.weight"];
  if (graph.time.classes > 0) ++tensors["class_embedding.weight"];
  return tensors;
}

TEST(Graph, ItsTensorsAreThoseOfTheNetworkEachUsedOnce) {
  for_each_graph([](const UNetConfig& config, const Graph& graph) {
    Tensors expected;
    for (const NamedShape& parameter : unet_parameters(config)) ++expected[parameter.name];
    EXPECT_EQ(tensors_of(graph), expected);
  });
}

TEST(Graph, EveryProjectionOfTheTimeIsReadOnceByAnOperatorOfItsKind) {
  for_each_graph([](const UNetConfig& config, const Graph& graph) {
    std::vector<int64_t> read(graph.projections.size(), 0);
    for (const Operator& op : graph.operators) {
      const auto* convolution = std::get_if<ConvolutionOperator>(&op);
      const auto* norm = std::get_if<NormOperator>(&op);
      if (convolution != nullptr && convolution->time != kNoTime) {
        EXPECT_FALSE(graph.projection(convolution->time).scale_shift) << name_of(op);
        ++read.at(static_cast<size_t>(convolution->time));
      } else if (norm != nullptr && norm->time != kNoTime) {
        EXPECT_TRUE(graph.projection(norm->time).scale_shift) << name_of(op);
        ++read.at(static_cast<size_t>(norm->time));
      }
    }
    EXPECT_EQ(read, std::vector<int64_t>(graph.projections.size(), 1));
    for (const TimeProjection& projection : graph.projections) {
      EXPECT_EQ(projection.scale_shift, config.scale_shift);
    }
  });
}

// Two blocks with one number would drop the same activations.
TEST(Graph, EveryResidualBlockHasADropoutMaskOfItsOwn) {
  for_each_graph([](const UNetConfig&, const Graph& graph) {
    std::set<int64_t> numbers;
    for (const Operator& op : graph.operators) {
      const auto* norm = std::get_if<NormOperator>(&op);
      if (norm == nullptr) continue;
      EXPECT_EQ(norm->dropout != kNoDropout, norm->name.ends_with(".norm2")) << norm->name;
      if (norm->dropout == kNoDropout) continue;
      EXPECT_GE(norm->dropout, 0);
      EXPECT_TRUE(numbers.insert(norm->dropout).second) << norm->name;
    }
    EXPECT_EQ(numbers.size(), graph.projections.size());
  });
}

// LibTorch adds the gradients of a value in the reverse order of its readers, so another order
// would change the bits of trained weights.
TEST(Graph, AResidualBlockNormalisesItsInputBeforeItsShortcutReadsIt) {
  int64_t shortcuts = 0;
  for_each_graph([&](const UNetConfig&, const Graph& graph) {
    std::map<ValueId, std::string> first_reader;
    for (const Operator& op : graph.operators) {
      for (const ValueId id : inputs_of(op)) first_reader.emplace(id, name_of(op));
    }
    for (const Operator& op : graph.operators) {
      const std::string name = name_of(op);
      if (!name.ends_with(".conv_shortcut") && !name.ends_with(".shortcut_resized")) continue;
      ++shortcuts;
      const std::string first = first_reader.at(inputs_of(op).front());
      EXPECT_TRUE(first.ends_with(".norm1")) << name << " behind " << first;
    }
  });
  EXPECT_GT(shortcuts, 0);
}

TEST(Graph, TheTopLevelModulesEndInDiffusersOrder) {
  for_each_graph([](const UNetConfig& config, const Graph& graph) {
    std::vector<std::string> expected = {"conv_in"}, names;
    for (int64_t i = 0; i < config.level_count(); ++i) {
      expected.push_back("down_blocks." + std::to_string(i));
    }
    expected.push_back("mid_block");
    for (int64_t i = 0; i < config.level_count(); ++i) {
      expected.push_back("up_blocks." + std::to_string(i));
    }
    expected.push_back("conv_norm_out");
    std::vector<int64_t> ends;
    const std::vector<Lifetime> lifetimes = lifetimes_of(graph);
    for (const Module& module : graph.modules) {
      names.push_back(module.name);
      ends.push_back(lifetimes.at(static_cast<size_t>(module.y)).first);
    }
    EXPECT_EQ(names, expected);
    EXPECT_TRUE(std::is_sorted(ends.begin(), ends.end()));
  });
}

// What an op of each kind demands of the shapes around it.
struct Shapes {
  const UNetConfig& config;
  const Graph& graph;

  const ValueShape& of(ValueId id) const { return graph.value(id); }
  // All of one size, and the channels added up.
  ValueShape of(const std::vector<ValueId>& list) const {
    ValueShape all{0, of(list.front()).height, of(list.front()).width};
    for (const ValueId id : list) {
      EXPECT_EQ(of(id).height, all.height);
      EXPECT_EQ(of(id).width, all.width);
      all.channels += of(id).channels;
    }
    return all;
  }

  void operator()(const EntryOperator& it) const {
    EXPECT_EQ(of(it.y), (ValueShape{config.base_channels(), config.height, config.width}));
    EXPECT_EQ(it.image_channels, config.image_channels);
    EXPECT_EQ(it.center, config.center_input);
  }
  void operator()(const ConvolutionOperator& it) const {
    const ValueShape x = of(it.x), y = of(it.y);
    const int64_t twice = it.resize == Resize::kDouble ? 2 : 1,
                  half = it.resize == Resize::kHalf ? 2 : 1;
    EXPECT_EQ(x.height * twice, y.height * half);
    EXPECT_EQ(x.width * twice, y.width * half);
    if (it.resize == Resize::kHalf) {
      EXPECT_EQ(it.padding, config.downsample_padding);
      EXPECT_EQ(it.time, kNoTime);  // the engine's halving step has neither
      EXPECT_EQ(it.residual, kNoValue);
    }
    if (it.residual != kNoValue) {
      EXPECT_EQ(of(it.residual), y);
    } else {
      EXPECT_EQ(it.divisor, 1.0);
    }
    if (it.time == kNoTime) return;
    EXPECT_EQ(graph.projection(it.time).channels, y.channels);
  }
  void operator()(const PointwiseOperator& it) const {
    EXPECT_EQ(of(it.x).height, of(it.y).height);
    EXPECT_EQ(of(it.x).width, of(it.y).width);
  }
  void operator()(const NormOperator& it) const {
    EXPECT_EQ(of(it.x), of(it.y));
    EXPECT_EQ(of(it.y).channels % it.groups, 0);
    EXPECT_EQ(it.epsilon, config.norm_epsilon);
    if (it.time == kNoTime) return;
    EXPECT_EQ(graph.projection(it.time).channels, of(it.y).channels);
  }
  void operator()(const AttentionOperator& it) const {
    EXPECT_EQ(of(it.x), of(it.y));
    EXPECT_EQ(of(it.residual), of(it.y));
    EXPECT_EQ(it.heads, config.heads_at(of(it.y).channels));
    EXPECT_EQ(it.heads * it.head_channels, config.attention_channels(of(it.y).channels));
  }
  void operator()(const ResizeOperator& it) const {
    EXPECT_NE(it.resize, Resize::kNone);
    const bool doubles = it.resize == Resize::kDouble;
    const ValueShape &large = of(doubles ? it.y : it.x), &little = of(doubles ? it.x : it.y);
    EXPECT_EQ(large, (ValueShape{little.channels, 2 * little.height, 2 * little.width}));
  }
  void operator()(const ConcatOperator& it) const { EXPECT_EQ(of(it.x), of(it.y)); }
  void operator()(const ExitOperator& it) const {
    EXPECT_EQ(of(it.x), (ValueShape{config.output_channels(), config.height, config.width}));
  }
};

TEST(Graph, TheShapesOfAnOperationFitTogether) {
  for_each_graph([](const UNetConfig& config, const Graph& graph) {
    for (const Operator& op : graph.operators) {
      SCOPED_TRACE(name_of(op));
      std::visit(Shapes{config, graph}, op);
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
    for (const Operator& op : graph.operators) {
      if (const auto* it = std::get_if<ConvolutionOperator>(&op)) {
        expect_channels(it->name, graph.value(it->y).channels, graph.value(it->x).channels);
      } else if (const auto* pointwise = std::get_if<PointwiseOperator>(&op)) {
        expect_channels(pointwise->name, graph.value(pointwise->y).channels,
                        graph.value(pointwise->x).channels);
      } else if (const auto* norm = std::get_if<NormOperator>(&op)) {
        EXPECT_EQ(shapes.at(norm->name + ".weight").at(0), graph.value(norm->y).channels);
      }
    }
  });
}

// Multiply-adds of an op from shapes alone.
struct Products {
  const UNetConfig& config;
  const Graph& graph;

  const ValueShape& of(ValueId id) const { return graph.value(id); }
  int64_t operator()(const EntryOperator& it) const {
    return 9 * config.image_channels * of(it.y).channels * of(it.y).pixels();
  }
  int64_t operator()(const ConvolutionOperator& it) const {
    return 9 * of(it.x).channels * of(it.y).channels * of(it.y).pixels();
  }
  int64_t operator()(const PointwiseOperator& it) const {
    return of(it.x).channels * of(it.y).channels * of(it.y).pixels();
  }
  int64_t operator()(const AttentionOperator& it) const {
    const int64_t inner = it.heads * it.head_channels, pixels = of(it.y).pixels();
    return 4 * of(it.y).channels * inner * pixels + 2 * inner * pixels * pixels;
  }
  int64_t operator()(const NormOperator&) const { return 0; }
  int64_t operator()(const ResizeOperator&) const { return 0; }
  int64_t operator()(const ConcatOperator&) const { return 0; }
  int64_t operator()(const ExitOperator&) const { return 0; }
};

TEST(Graph, ItMultipliesAsOftenAsTheNetworkDoes) {
  for_each_graph([](const UNetConfig& config, const Graph& graph) {
    int64_t products = 0;
    for (const Operator& op : graph.operators) {
      products += std::visit(Products{config, graph}, op);
    }
    const int64_t width = config.embedding_channels();
    products += config.base_channels() * width + width * width;  // the embedding of the time
    for (const TimeProjection& projection : graph.projections) {
      products += projection.outputs() * width;
    }
    EXPECT_EQ(products, count_multiply_adds(config));
  });
}

TEST(Graph, AConfigurationThatNoNetworkHasIsRefused) {
  expect_contains(complaint<InvalidArgument>([] { build_graph({.image_channels = 5}); }),
                  "image_channels must be in 1 to 4, got 5");
}

}  // namespace
}  // namespace ddpm
