#include "ddpm/engine/engine_network.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/parameters.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/engine_images.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

// A pipeline's folder with a small network of golden numbers.
class EngineNetwork : public testing::Test {
 protected:
  static UNetConfig config_with(int64_t classes, int64_t learned_times = 0) {
    return {.image_channels = 2,
            .height = 4,
            .width = 6,
            .levels = {{.channels = 6, .attention_down = true}},
            .blocks_per_level = 1,
            .norm_groups = 3,
            .dropout = 0.0,
            .learned_times = learned_times,
            .classes = classes};
  }

  static ParameterValues values_of(const UNetConfig& config) {
    ParameterValues values;
    for (const NamedShape& one : unet_parameters(config)) values.push_back(golden_parameter(one));
    return values;
  }

  // The folder of a network, of T times of the process.
  const std::filesystem::path& made(const UNetConfig& config, int64_t T = 1000) const {
    ModelConfig model = {.unet = config};
    model.schedule.T = T;
    model.schedule.beta_T = 20.0 / static_cast<double>(T);
    model.schedule.beta_1 = 0.01 * model.schedule.beta_T;
    if (config.learned_variance) model.variance = Variance::kLearnedRange;
    for (const auto& [name, text] : diffusers_texts(model)) folder_.write(name, text);
    folder_.write(kDiffusersWeightsName,
                  encode_parameters(config, {{"", views_of(values_of(config))}}));
    return folder_;
  }

  const TemporaryFolder folder_;
};

std::vector<Timestep> times_of(const SomeImages& images) {
  std::vector<Timestep> times;
  for (const int64_t index : images.timesteps) times.push_back({index});
  return times;
}

BatchShape input_shape(const UNetConfig& config, int64_t n) {
  return {n, config.image_channels, config.height, config.width};
}
BatchShape output_shape(const UNetConfig& config, int64_t n) {
  return {n, config.output_channels(), config.height, config.width};
}

// The network's output for the images and their labels.
std::vector<float> answer(const NetworkPointer& network, const UNetConfig& config,
                          const SomeImages& images) {
  Batch output(output_shape(config, images.count));
  const std::vector<Timestep> timesteps = times_of(images);
  network->predict({{images.x.data(), input_shape(config, images.count)}, timesteps, images.labels},
                   output);
  return {output.values().begin(), output.values().end()};
}

// The same from the tensors themselves.
std::vector<float> engine_answer(const UNetConfig& config, const SomeImages& images,
                                 Precision precision = Precision::kFloat32) {
  CompiledUNet engine(config, golden_source(config),
                      {.at_once = images.count, .threads = 1, .precision = precision});
  return predict(engine, images);
}

TEST_F(EngineNetwork, ACheckpointIsItsTensorsInTheEngine) {
  const UNetConfig config = config_with(0);
  const SomeImages images = some_images(config, 5, 1);
  made(config);
  EXPECT_EQ(answer(open_engine_network(folder_), config, images), engine_answer(config, images));
  EXPECT_EQ(answer(open_engine_network(folder_ / "unet"), config, images),  // a network alone
            engine_answer(config, images));
  const auto narrow = Precision::kBFloat16;
  EXPECT_EQ(answer(open_engine_network(folder_, {.precision = narrow}), config, images),
            engine_answer(config, images, precision_in_use(narrow, fastest_cpu_path())));
}

// Without the instructions bfloat16 is no faster way to a worse result.
TEST_F(EngineNetwork, BFloat16IsComputedWhereTheCpuHasInstructionsForIt) {
  for (const CpuPath path : kAllCpuPaths) {
    EXPECT_EQ(precision_in_use(Precision::kFloat32, path), Precision::kFloat32);
    EXPECT_EQ(precision_in_use(Precision::kBFloat16, path),
              path == CpuPath::kAvx512Bf16 ? Precision::kBFloat16 : Precision::kFloat32);
  }
  const CompiledUNet engine =
      open_engine(made(config_with(0)), {.precision = Precision::kBFloat16});
  EXPECT_EQ(engine.options().precision, precision_in_use(Precision::kBFloat16, fastest_cpu_path()));
}

TEST_F(EngineNetwork, MoreImagesThanTheEngineTakesHaveTheSameBits) {
  const UNetConfig config = config_with(0);
  const SomeImages images = some_images(config, 7, 2);
  const std::vector<float> wanted = engine_answer(config, images);
  made(config);
  for (const int64_t at_once : {1, 2, 3, 6, 7, 8}) {
    const NetworkPointer network = open_engine_network(folder_, {.threads = 2, .at_once = at_once});
    EXPECT_EQ(answer(network, config, images), wanted) << at_once;
    EXPECT_EQ(answer(network, config, images), wanted) << at_once << ", a second time";
  }
}

TEST_F(EngineNetwork, NoImagesAreNoWork) {
  const UNetConfig config = config_with(0);
  EXPECT_EQ(answer(open_engine_network(made(config)), config, some_images(config, 0, 1)),
            std::vector<float>());
}

TEST_F(EngineNetwork, EachImageHasItsLabel) {
  const UNetConfig config = config_with(4);
  SomeImages images = some_images(config, 5, 3);
  const NetworkPointer network = open_engine_network(made(config), {.at_once = 2});
  for (const std::vector<int64_t>& labels :
       {std::vector<int64_t>{0, 3, 2, 1, 0}, {3, 3, 3, 3, 3}}) {
    images.labels = labels;
    EXPECT_EQ(answer(network, config, images), engine_answer(config, images));
  }
  const std::vector<float> expected = engine_answer(config, images);  // of label 3
  images.labels.clear();
  EXPECT_EQ(answer(with_label(network, 3), config, images), expected);
}

TEST_F(EngineNetwork, ALabelThatTheNetworkLacksIsRefused) {
  const auto error = [&](int64_t classes, const std::vector<int64_t>& labels) {
    const UNetConfig config = config_with(classes);
    const NetworkPointer network = open_engine_network(made(config));
    SomeImages images = some_images(config, 2, 3);
    images.labels = labels;
    return complaint<InvalidArgument>([&] { answer(network, config, images); });
  };
  EXPECT_EQ(error(4, {3, 4}), "network: expected a label in 0 to 3, its classes, got 4");
  EXPECT_EQ(error(4, {-1, 0}), "network: expected a label in 0 to 3, its classes, got -1");
  EXPECT_EQ(error(4, {}), "network: expected one label per image, 2, got 0");
  EXPECT_EQ(error(4, {1}), "network: expected one label per image, 2, got 1");
  EXPECT_EQ(error(0, {0, 0}), "network: it has no classes, got the label 0");
}

TEST_F(EngineNetwork, AWrongShapeIsRefused) {
  const UNetConfig config = config_with(0);
  const NetworkPointer network = open_engine_network(made(config));
  const auto message = [&](const BatchShape& x_shape, size_t times, const BatchShape& y_shape) {
    const Batch x(x_shape);
    Batch y(y_shape);
    const std::vector<Timestep> timesteps(times, Timestep{1});
    return complaint<InvalidArgument>([&] { network->predict({x, timesteps}, y); });
  };
  EXPECT_EQ(message({2, 2, 6, 4}, 2, {2, 2, 4, 6}),
            "network: x must have the shape [2, 2, 4, 6], got [2, 2, 6, 4]");
  EXPECT_EQ(message({2, 3, 4, 6}, 2, {2, 2, 4, 6}),
            "network: x must have the shape [2, 2, 4, 6], got [2, 3, 4, 6]");
  EXPECT_EQ(message({2, 2, 4, 6}, 2, {2, 4, 4, 6}),
            "network: output must have the shape [2, 2, 4, 6], got [2, 4, 4, 6]");
  EXPECT_EQ(message({2, 2, 4, 6}, 2, {1, 2, 4, 6}),
            "network: output must have the shape [2, 2, 4, 6], got [1, 2, 4, 6]");
  EXPECT_EQ(message({2, 2, 4, 6}, 1, {2, 2, 4, 6}),
            "network: expected one timestep per image, 2, got 1");
}

TEST_F(EngineNetwork, ALearnedVarianceIsASecondHalfOfTheOutput) {
  UNetConfig config = config_with(0);
  config.learned_variance = true;
  const SomeImages images = some_images(config, 3, 4);
  EXPECT_EQ(answer(open_engine_network(made(config)), config, images),
            engine_answer(config, images));
}

// A row of the paper's network for each of these times would take 20 GB.
TEST_F(EngineNetwork, AMillionTimesTakeNoMemory) {
  const UNetConfig config = config_with(0);
  made(config, 1'000'000);
  EXPECT_LE(open_engine(folder_).options().kept_times, 5000);
  SomeImages images = some_images(config, 3, 1);
  images.timesteps = {0, 4999, 999'999};
  EXPECT_EQ(answer(open_engine_network(folder_), config, images), engine_answer(config, images));
}

TEST_F(EngineNetwork, WhatIsNotTheNetworksIsRefusedBeforeItIsComputed) {
  const UNetConfig config = config_with(0);
  made(config);
  folder_.write(kDiffusersWeightsName,
                encode_parameters(config_with(4), {{"", views_of(values_of(config_with(4)))}}));
  expect_contains(complaint<FormatError>([&] { open_engine(folder_); }), "class_embedding.weight");

  ParameterValues values = values_of(config);
  values.at(2).at(1) = NAN;
  folder_.write(kDiffusersWeightsName, encode_parameters(config, {{"", views_of(values)}}));
  expect_contains(complaint<FormatError>([&] { open_engine(folder_); }),
                  unet_parameters(config).at(2).name);
  EXPECT_NE(complaint<InvalidArgument>([&] { open_engine(folder_ / "nothing"); }), "");
}

TEST_F(EngineNetwork, ATimestepThatTheTableLacksIsRefused) {
  const UNetConfig config = config_with(0, /*learned_times=*/5);
  const NetworkPointer network = open_engine_network(made(config));
  SomeImages images = some_images(config, 1, 1);
  images.timesteps = {5};
  EXPECT_EQ(complaint<InvalidArgument>([&] { answer(network, config, images); }),
            "network: its learned times are 0 to 4, got the timestep 5");
}

}  // namespace
}  // namespace ddpm
