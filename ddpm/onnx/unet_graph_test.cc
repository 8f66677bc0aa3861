#include "ddpm/onnx/unet_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/onnx/write.h"
#include "ddpm/testing/onnx_interpreter.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

// The numbers of tests/golden/onnx/make.py: in [-1, 1), a function of their index.
double uniform(uint32_t index) {
  uint32_t x = index;
  x = (x ^ (x >> 16U)) * 0x85EBCA6BU;
  x = (x ^ (x >> 13U)) * 0xC2B2AE35U;
  x = x ^ (x >> 16U);
  return static_cast<double>(x) / 2147483648.0 - 1.0;
}

// Every parameter, in the order of their names.
ParameterValues golden_values(const UNetConfig& unet) {
  const std::vector<NamedShape> parameters = unet_parameters(unet);
  std::map<std::string, size_t> by_name;
  for (size_t i = 0; i < parameters.size(); ++i) by_name[parameters[i].name] = i;
  ParameterValues values(parameters.size());
  uint32_t index = 1;
  for (const auto& [name, number] : by_name) {
    const NamedShape& parameter = parameters[number];
    const int64_t fan_in = parameter.count() / parameter.shape[0];
    for (int64_t i = 0; i < parameter.count(); ++i) {
      const double u = uniform(index++);
      const double one = name.ends_with("weight") ? 1.0 : 0.0;
      const double value = parameter.shape.size() > 1
                               ? u * std::sqrt(3.0 / static_cast<double>(fan_in))
                               : 0.5 * u + one;
      values[number].push_back(static_cast<float>(value));
    }
  }
  return values;
}

Json golden_networks() {
  const std::filesystem::path path =
      std::filesystem::path(DDPM_SOURCE_DIR) / "tests" / "golden" / "onnx" / "networks.json";
  return parse_json(read_file(path, 1 << 20), path.string());
}

// One network of the golden file: its parameters, and its graph as it is in a file.
struct Golden {
  explicit Golden(const Json& json)
      : name(json.at("name").get<std::string>()),
        unet(unet_config_from_json(json.at("config"), name)),
        values(golden_values(unet)) {
    const OnnxModel onnx{unet_graph(unet, views_of(values)), "", {}};
    std::string bytes;
    for (const std::string_view part : encode_onnx(onnx).model) bytes += part;
    model = decode_onnx(bytes);
  }

  std::string name;
  UNetConfig unet;
  ParameterValues values;
  DecodedModel model;
};

Array input_array(const std::vector<int64_t>& numbers) {
  return {{std::ssize(numbers)}, {numbers.begin(), numbers.end()}};
}

Arrays inputs_of(const Json& json, const UNetConfig& unet) {
  constexpr uint32_t kInput = 1'000'000;
  Array sample{{2, unet.image_channels, unet.height, unet.width}, {}};
  for (uint32_t i = 0; i < static_cast<uint32_t>(count_of(sample.shape)); ++i) {
    sample.values.push_back(static_cast<float>(1.5 * uniform(kInput + i)));
  }
  Arrays inputs = {{"sample", sample},
                   {"timestep", input_array(json.at("timesteps").get<std::vector<int64_t>>())}};
  if (unet.classes > 0) {
    inputs["class_labels"] = input_array(json.at("class_labels").get<std::vector<int64_t>>());
  }
  return inputs;
}

// The graph is evaluated as ONNX defines its operators, from the bytes that were written, and the
// numbers are those of diffusers in float64. Its sines are of angles in float32, as here.
TEST(UNetGraph, ComputesWhatDiffusersComputes) {
  int networks = 0;
  for (const Json& json : golden_networks()) {
    const Golden golden(json);
    SCOPED_TRACE(golden.name);
    const Array y = run_onnx(golden.model, inputs_of(json, golden.unet)).at("out_sample");
    EXPECT_EQ(y.shape,
              (Ints{2, golden.unet.output_channels(), golden.unet.height, golden.unet.width}));
    const auto wanted = json.at("output").get<std::vector<double>>();
    ASSERT_EQ(y.values.size(), wanted.size());
    double largest = 0.0;
    double worst = 0.0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      largest = std::max(largest, std::abs(wanted[i]));
      worst = std::max(worst, std::abs(wanted[i] - static_cast<double>(y.values[i])));
    }
    EXPECT_LE(worst, 3e-6 * largest);
    ++networks;
  }
  EXPECT_EQ(networks, 9);
}

TEST(UNetGraph, ParametersAreInitialisersOfTheirNamesShapesAndBits) {
  for (const Json& json : golden_networks()) {
    const Golden golden(json);
    SCOPED_TRACE(golden.name);
    const std::vector<NamedShape> parameters = unet_parameters(golden.unet);
    for (size_t i = 0; i < parameters.size(); ++i) {
      SCOPED_TRACE(parameters[i].name);
      ASSERT_EQ(golden.model.tensors.count(parameters[i].name), 1U);
      const DecodedTensor& tensor = golden.model.tensors.at(parameters[i].name);
      EXPECT_EQ(tensor.type, 1);
      EXPECT_EQ(tensor.shape, parameters[i].shape);
      EXPECT_EQ(tensor.bytes, as_text(std::as_bytes(std::span(golden.values[i]))));
    }
  }
}

TEST(UNetGraph, EveryInputIsThereBeforeItIsUsedAndEveryTensorIsUsed) {
  for (const Json& json : golden_networks()) {
    const Golden golden(json);
    SCOPED_TRACE(golden.name);
    std::set<std::string> known;
    std::set<std::string> used;
    std::set<std::string> node_names;
    const auto define = [&](const std::string& name) {
      EXPECT_TRUE(known.insert(name).second) << name;
    };
    for (const DecodedValue& input : golden.model.inputs) define(input.name);
    for (const std::string& name : golden.model.tensor_names) define(name);
    for (const DecodedNode& node : golden.model.nodes) {
      EXPECT_TRUE(node_names.insert(node.name).second) << node.name;
      for (const std::string& input : node.inputs) {
        EXPECT_TRUE(input.empty() || known.count(input) == 1) << node.name << " uses " << input;
        used.insert(input);
      }
      for (const std::string& output : node.outputs) define(output);
    }
    for (const DecodedValue& output : golden.model.outputs) used.insert(output.name);
    for (const std::string& name : known) EXPECT_EQ(used.count(name), 1U) << name << " is idle";
  }
}

TEST(UNetGraph, TakesBatchesOfAnySizeAndSaysItsShapes) {
  const UNetConfig unet{.image_channels = 3,
                        .height = 4,
                        .width = 8,
                        .levels = {{.channels = 4}},
                        .blocks_per_level = 1,
                        .norm_groups = 2,
                        .learned_variance = true,
                        .classes = 7};
  const ParameterValues values = golden_values(unet);
  const OnnxGraph graph = unet_graph(unet, views_of(values));
  const auto shape = [](const OnnxValue& value) { return value.shape; };
  using Shape = std::vector<std::variant<int64_t, std::string>>;
  ASSERT_EQ(graph.inputs().size(), 3U);
  EXPECT_EQ(graph.inputs()[0].name, "sample");
  EXPECT_EQ(shape(graph.inputs()[0]), (Shape{"N", int64_t{3}, int64_t{4}, int64_t{8}}));
  EXPECT_EQ(graph.inputs()[1].name, "timestep");
  EXPECT_EQ(graph.inputs()[1].type, OnnxType::kInt64);
  EXPECT_EQ(shape(graph.inputs()[1]), (Shape{"N"}));
  EXPECT_EQ(graph.inputs()[2].name, "class_labels");
  EXPECT_EQ(graph.inputs()[2].type, OnnxType::kInt64);
  ASSERT_EQ(graph.outputs().size(), 1U);
  EXPECT_EQ(graph.outputs()[0].name, "out_sample");
  EXPECT_EQ(shape(graph.outputs()[0]), (Shape{"N", int64_t{6}, int64_t{4}, int64_t{8}}));
}

TEST(UNetGraph, RefusesParametersOfAnotherNetworkAndNumbersThatAreNone) {
  const Golden golden(golden_networks().at(0));
  ParameterValues values = golden.values;
  values.pop_back();
  EXPECT_THROW(unet_graph(golden.unet, views_of(values)), InvalidArgument);
  values = golden.values;
  values[3].push_back(0.0F);
  EXPECT_THROW(unet_graph(golden.unet, views_of(values)), InvalidArgument);
  values = golden.values;
  values[3][0] = NAN;
  EXPECT_THROW(unet_graph(golden.unet, views_of(values)), NotFinite);
}

}  // namespace
}  // namespace ddpm
