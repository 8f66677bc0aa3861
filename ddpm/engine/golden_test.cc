// The engine against diffusers' UNet2DModel in float64, for every file of tests/golden/unet.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "ddpm/engine/compiled_unet.h"
#include "ddpm/testing/golden_unet.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

TensorSource golden_tensors(const UNetConfig& config) {
  std::map<std::string, NamedShape> shapes;
  for (const NamedShape& parameter : unet_parameters(config)) shapes[parameter.name] = parameter;
  return [shapes](const std::string& name) { return golden_parameter(shapes.at(name)); };
}

// The engine's output for the two images of a file.
std::vector<float> output_of(const Json& golden, const EngineOptions& options) {
  const UNetConfig config = unet_config_from_json(golden.at("config"), "golden");
  CompiledUNet engine(config, golden_tensors(config), options);
  const std::vector<float> x = golden_input(config);
  const auto timesteps = golden.at("timesteps").get<std::vector<int64_t>>();
  std::vector<int64_t> labels;
  if (!golden.at("labels").is_null()) labels = golden.at("labels").get<std::vector<int64_t>>();
  std::vector<float> output(
      static_cast<size_t>(2 * config.output_channels() * config.height * config.width));
  engine.predict(x.data(), timesteps.data(), labels.empty() ? nullptr : labels.data(), 2,
                 output.data());
  return output;
}

// The largest difference, relative to the largest value; infinite if a value is no number.
double deviation(const std::vector<float>& got, const Json& golden) {
  const auto wanted = golden.at("output").get<std::vector<double>>();
  EXPECT_EQ(got.size(), wanted.size());
  double apart = 0.0, largest = 0.0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!std::isfinite(got[i])) return std::numeric_limits<double>::infinity();
    apart = std::max(apart, std::abs(static_cast<double>(got[i]) - wanted[i]));
    largest = std::max(largest, std::abs(wanted[i]));
  }
  return apart / largest;
}

TEST(EngineGolden, InFloat32TheOutputIsThatOfDiffusersInFloat64) {
  const auto files = golden_unet_files(DDPM_SOURCE_DIR);
  EXPECT_GE(files.size(), 20U) << "the files of tests/golden/unet are there";
  double worst = 0.0;
  for (const CpuPath path : available_cpu_paths()) {
    for (const auto& [name, golden] : files) {
      const double error =
          deviation(output_of(golden, {.at_once = 3, .threads = 2, .path = path}), golden);
      EXPECT_LE(error, 1e-5) << name << ' ' << name_of(path);
      worst = std::max(worst, error);
    }
  }
  testing::Test::RecordProperty("worst_output", std::to_string(worst * 1e9) + "e-9");
}

TEST(EngineGolden, InBfloat16TheOutputIsThatToItsRounding) {
  for (const CpuPath path : available_cpu_paths()) {
    for (const auto& [name, golden] : golden_unet_files(DDPM_SOURCE_DIR)) {
      const EngineOptions options{
          .at_once = 2, .threads = 1, .precision = Precision::kBFloat16, .path = path};
      const double error = deviation(output_of(golden, options), golden);
      EXPECT_LE(error, 5e-2) << name << ' ' << name_of(path);
      EXPECT_GE(error, 1e-4) << name << ' ' << name_of(path);  // it is bfloat16
    }
  }
}

}  // namespace
}  // namespace ddpm
