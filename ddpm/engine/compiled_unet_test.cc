#include "ddpm/engine/compiled_unet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/engine_images.h"
#include "ddpm/testing/engine_networks.h"
#include "ddpm/testing/reference_executor.h"
#include "ddpm/unet/parameters.h"
#include "ddpm/unet/work.h"

namespace ddpm {
namespace {

// The largest difference, relative to the largest value wanted; infinite if a value is no number.
double deviation(const std::vector<float>& got, const std::vector<double>& wanted) {
  EXPECT_EQ(got.size(), wanted.size());
  double apart = 0.0, largest = 0.0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!std::isfinite(got[i])) return std::numeric_limits<double>::infinity();
    apart = std::max(apart, std::abs(static_cast<double>(got[i]) - wanted[i]));
    largest = std::max(largest, std::abs(wanted[i]));
  }
  return apart / largest;
}

// All images, one behind the other.
std::vector<double> reference_output(const UNetConfig& config, const TensorSource& tensors,
                                     const SomeImages& images) {
  ReferenceExecutor executor(config, tensors);
  std::vector<double> all;
  for (int64_t i = 0; i < images.count; ++i) {
    const std::vector<double> one =
        executor.predict(images.image(i), images.timesteps[static_cast<size_t>(i)],
                         images.labels.empty() ? 0 : images.labels[static_cast<size_t>(i)]);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

TEST(CompiledUNet, InFloat32AnyNetworkIsThePlainLoopsInFloat64) {
  double worst = 0.0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const UNetConfig config = some_unet(seed, 4);
    const SomeImages images = some_images(config, 2, seed);
    const TensorSource tensors = golden_source(config);
    const std::vector<double> wanted = reference_output(config, tensors, images);
    for (const CpuPath path : available_cpu_paths()) {
      CompiledUNet engine(config, tensors, {.at_once = 3, .threads = 2, .path = path});
      const double error = deviation(predict(engine, images), wanted);
      EXPECT_LE(error, 1e-5) << "some_unet(" << seed << ", 4) " << name_of(path);
      worst = std::max(worst, error);
    }
  }
  RecordProperty("worst", std::to_string(worst * 1e9) + "e-9");
}

// The plain loops themselves are held to diffusers' numbers: to the rounding of the comparison's
// float32, for the frequencies of the time have the same bits.
TEST(CompiledUNet, ThePlainLoopsAreDiffusersInFloat64) {
  for (const auto& [name, golden] : golden_unet_files(DDPM_SOURCE_DIR)) {
    const UNetConfig config = unet_config_from_json(golden.at("config"), name);
    SomeImages images{.count = 2,
                      .image_size = config.image_channels * config.height * config.width,
                      .x = golden_input(config),
                      .timesteps = golden.at("timesteps").get<std::vector<int64_t>>(),
                      .labels = {}};
    const Json& labels = golden.at("labels");
    if (!labels.is_null()) images.labels = labels.get<std::vector<int64_t>>();
    const std::vector<double> got = reference_output(config, golden_source(config), images);
    const auto wanted = golden.at("output").get<std::vector<double>>();
    EXPECT_LE(deviation(std::vector<float>(got.begin(), got.end()), wanted), 1e-7) << name;
  }
}

TEST(CompiledUNet, InBfloat16AnyNetworkIsThatToItsRounding) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const UNetConfig config = some_unet(seed, 4);
    const SomeImages images = some_images(config, 2, seed);
    const TensorSource tensors = golden_source(config);
    const std::vector<double> wanted = reference_output(config, tensors, images);
    for (const CpuPath path : available_cpu_paths()) {
      CompiledUNet engine(
          config, tensors,
          {.at_once = 2, .threads = 1, .precision = Precision::kBFloat16, .path = path});
      EXPECT_LE(deviation(predict(engine, images), wanted), 5e-2)
          << "some_unet(" << seed << ", 4) " << name_of(path);
    }
  }
}

TEST(CompiledUNet, AKeptTimeIsNotTakenForThatOfAnotherLabel) {
  const UNetConfig config = some_unet_with([](const UNetConfig& it) { return it.classes > 1; });
  SomeImages images = some_images(config, 1, 1);
  CompiledUNet engine(config, golden_source(config), {.at_once = 1, .threads = 1});
  images.labels = {0};
  const std::vector<float> first = predict(engine, images);
  images.labels = {1};
  EXPECT_NE(predict(engine, images), first);
  images.labels = {0};
  EXPECT_EQ(predict(engine, images), first);
}

TEST(CompiledUNet, ItAnswersTheSameAfterItWasMoved) {
  const UNetConfig config = some_unet(4);
  const SomeImages images = some_images(config, 2, 1);
  CompiledUNet first(config, golden_source(config), {.at_once = 2, .threads = 2});
  const std::vector<float> wanted = predict(first, images);
  CompiledUNet second(std::move(first));
  EXPECT_EQ(predict(second, images), wanted);
}

// A call that has to be refused: says `what` and leaves the output as it was.
void expect_refusal(CompiledUNet& engine, const SomeImages& images, int64_t n,
                    const std::string& what) {
  const UNetConfig& config = engine.config();
  const std::vector<float> before(
      static_cast<size_t>(std::max<int64_t>(n, 1) * config.output_channels() * config.height *
                          config.width),
      -7.0F);
  std::vector<float> output = before;
  const std::string message = complaint<InvalidArgument>([&] {
    engine.predict(images.x.data(), images.timesteps.data(),
                   images.labels.empty() ? nullptr : images.labels.data(), n, output.data());
  });
  EXPECT_EQ(message, what);
  EXPECT_EQ(output, before);
}

TEST(CompiledUNet, AWrongNumberOfImagesIsRefused) {
  const UNetConfig config = some_unet_with([](const UNetConfig& it) { return it.classes == 0; });
  CompiledUNet engine(config, golden_source(config), {.at_once = 3, .threads = 1});
  const SomeImages images = some_images(config, 4, 1);
  expect_refusal(engine, images, 0, "engine: n: wanted at least 1 image, got 0");
  expect_refusal(engine, images, -1, "engine: n: wanted at least 1 image, got -1");
}

TEST(CompiledUNet, ALabelThatIsMissingOrTooMuchOrUnknownIsRefused) {
  UNetConfig config = some_unet_with([](const UNetConfig& it) { return it.classes == 0; });
  CompiledUNet without(config, golden_source(config), {.at_once = 2, .threads = 1});
  SomeImages images = some_images(config, 2, 1);
  images.labels = {0, 0};
  expect_refusal(without, images, 2, "network: it has no classes, got the label 0");
  config.classes = 3;
  CompiledUNet with(config, golden_source(config), {.at_once = 2, .threads = 1});
  images.labels = {};
  expect_refusal(with, images, 2, "network: expected one label per image, 2, got 0");
  images.labels = {2, 3};
  expect_refusal(with, images, 2, "network: expected a label in 0 to 2, its classes, got 3");
  images.labels = {-1, 0};
  expect_refusal(with, images, 2, "network: expected a label in 0 to 2, its classes, got -1");
}

TEST(CompiledUNet, ATimestepThatTheTableLacksIsRefused) {
  const UNetConfig config =
      some_unet_with([](const UNetConfig& it) { return it.learned_times > 0; });
  CompiledUNet engine(config, golden_source(config), {.at_once = 2, .threads = 1});
  SomeImages images = some_images(config, 2, 1);
  const std::string all = concat("network: its learned times are 0 to ", config.learned_times - 1);
  images.timesteps = {0, config.learned_times};
  expect_refusal(engine, images, 2, concat(all, ", got the timestep ", config.learned_times));
  images.timesteps = {-1, 0};
  expect_refusal(engine, images, 2, all + ", got the timestep -1");
}

TEST(CompiledUNet, AnOptionOutOfRangeIsRefused) {
  const UNetConfig config = some_unet(1);
  const auto message = [&](const EngineOptions& options) {
    return complaint<InvalidArgument>(
        [&] { CompiledUNet(config, golden_source(config), options); });
  };
  EXPECT_EQ(message({.at_once = -1}), "engine: at_once: wanted 0 to 4096, got -1");
  EXPECT_EQ(message({.at_once = 4097}), "engine: at_once: wanted 0 to 4096, got 4097");
  EXPECT_EQ(message({.threads = -1}), "engine: threads: wanted at least 0, got -1");
  EXPECT_EQ(message({.most_transformed = -1}),
            "engine: most_transformed: wanted at least 0, got -1");
  EXPECT_EQ(message({.kept_times = -1}), "engine: kept_times: wanted at least 0, got -1");
}

TEST(CompiledUNet, WhatTheSourceOfTheTensorsThrowsComesThrough) {
  const UNetConfig config = some_unet(1);
  const TensorSource golden = golden_source(config);
  for (const NamedShape& parameter : unet_parameters(config)) {
    const TensorSource damaged = [&](const std::string& name) {
      if (name == parameter.name) throw FormatError("damaged: " + name);
      return golden(name);
    };
    EXPECT_EQ(complaint<FormatError>([&] { CompiledUNet(config, damaged, {.threads = 3}); }),
              "damaged: " + parameter.name);
  }
}

TEST(CompiledUNet, OfSeveralThatItThrowsTheSameOneComesThrough) {
  const UNetConfig config = some_unet(7);
  const TensorSource damaged = [&](const std::string& name) -> std::vector<float> {
    throw FormatError("damaged: " + name);
  };
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(complaint<FormatError>([&] { CompiledUNet(config, damaged, {.threads = 3}); }),
              "damaged: conv_in.bias");
  }
}

TEST(CompiledUNet, AProfileHasEveryOperationAndEveryMultiplication) {
  for (const uint64_t seed : {2, 6, 9}) {
    const UNetConfig config = some_unet(seed);
    CompiledUNet engine(config, golden_source(config), {.at_once = 3, .threads = 1});
    double products = 0.0;
    int64_t bytes = 0;
    for (const OperationTime& one : engine.profile(3, 2)) {
      EXPECT_GE(one.seconds, 0.0);
      EXPECT_LT(one.seconds, 60.0) << one.name;
      products += one.multiply_adds;
      bytes += one.weight_bytes;
    }
    const int64_t of_time = multiply_adds_of_time(build_graph(config));
    EXPECT_EQ(products, 3.0 * static_cast<double>(count_multiply_adds(config) - of_time));
    EXPECT_EQ(bytes, engine.weight_bytes());
  }
}

// Of 4x4 pixels 36 products in place of 144, of 2x2 16 in place of 36; with one head two of six
// products of attention are merged into others where there are as many pixels as channels.
TEST(CompiledUNet, AProfileTellsWhatTheAlgorithmsComputeAndMove) {
  const std::vector<int64_t> multipliers = {1, 1}, attention = {8};
  UNetConfig config;
  config.height = config.width = 16;
  config.norm_groups = 8;
  config.levels = paper_levels(64, multipliers, attention, 16);
  CompiledUNet engine(config, golden_source(config), {.threads = 1});
  std::set<double> of_convolutions;
  for (const OperationTime& one : engine.profile(2, 1)) {
    if (one.kind == "3x3" && one.name != "conv_out") {
      of_convolutions.insert(one.multiply_adds / one.computed);
    } else if (one.kind == "attention") {
      EXPECT_EQ(one.multiply_adds / one.computed, 1.5) << one.name;
    } else if (one.kind == "1x1") {
      EXPECT_EQ(one.multiply_adds, one.computed) << one.name;
    }
    if (one.name == "down_blocks.0.resnets.0.norm1") {  // 64 channels read and written
      EXPECT_EQ(one.activation_bytes, 2 * 2 * 64 * 256 * 4);
    }
  }
  EXPECT_EQ(of_convolutions, (std::set<double>{2.25, 4.0}));
}

}  // namespace
}  // namespace ddpm
