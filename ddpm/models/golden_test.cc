// The network against diffusers' UNet2DModel in float64, for every file of tests/golden/unet.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "ddpm/models/unet.h"
#include "ddpm/tensor/convert.h"
#include "ddpm/testing/golden_unet.h"
#include "ddpm/testing/known_number.h"
#include "ddpm/unet/config.h"

namespace ddpm {
namespace {

std::map<std::string, Json> golden_files() { return golden_unet_files(DDPM_SOURCE_DIR); }

Tensor input(const UNetConfig& config) {
  Batch x({2, config.image_channels, config.height, config.width});
  std::ranges::copy(golden_input(config), x.values().begin());
  return to_tensor(x, at::kCPU);
}

UNetConfig config_of(const Json& golden) {
  return unet_config_from_json(golden.at("config"), "golden");
}

double largest_of(const std::vector<double>& values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

struct Deviations {
  double block = 0.0;   // of a value or a sum of a block, relative to the block's largest or whole
  double output = 0.0;  // of a value of the output, relative to its largest
};

void compare_block(const Json& golden, const Tensor& activation, double tolerance,
                   Deviations& worst) {
  EXPECT_EQ(golden.at("shape"), Json(activation.sizes().vec()));
  const Tensor flat = activation.to(at::kDouble).contiguous().flatten();
  const auto near = [&](double got, double wanted, double size) {
    EXPECT_NEAR(got, wanted, tolerance * size);
    worst.block = std::max(worst.block, std::abs(got - wanted) / size);
  };
  const double whole = golden.at("abs_sum").get<double>();
  near(flat.sum().item<double>(), golden.at("sum").get<double>(), whole);
  near(flat.abs().sum().item<double>(), whole, whole);
  for (const Json& value : golden.at("values")) {
    near(flat[value[0].get<int64_t>()].item<double>(), value[1].get<double>(),
         golden.at("largest").get<double>());
  }
}

// Runs the network of a file in this type and compares every block and the output.
void compare(const Json& golden, at::ScalarType type, double tolerance, Deviations& worst) {
  UNet network(config_of(golden));
  ParameterValues parameters;
  for (const NamedTensor& parameter : network.parameters().all()) {
    parameters.push_back(golden_parameter({parameter.name, parameter.value.sizes().vec()}));
  }
  network.parameters().copy_from(parameters);
  network.parameters().to(type);
  UNetCall call;
  if (!golden.at("labels").is_null()) {
    call.labels = to_tensor(golden.at("labels").get<std::vector<int64_t>>(), at::kCPU);
  }
  size_t seen = 0;
  call.observe = [&](std::string_view part, const Tensor& activation) {
    SCOPED_TRACE(std::string(part));
    ++seen;
    compare_block(golden.at("activations").at(std::string(part)), activation, tolerance, worst);
  };
  const Tensor timesteps = to_tensor(golden.at("timesteps").get<std::vector<int64_t>>(), at::kCPU);
  const Tensor output = network.forward(input(network.config()).to(type), timesteps, call)
                            .to(at::kDouble)
                            .contiguous()
                            .flatten();
  EXPECT_EQ(seen, golden.at("activations").size());
  const auto wanted = golden.at("output").get<std::vector<double>>();
  ASSERT_EQ(output.numel(), std::ssize(wanted));
  const double largest = largest_of(wanted);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double got = output[static_cast<int64_t>(i)].item<double>();
    EXPECT_KNOWN(got, wanted[i], tolerance * largest) << "output " << i;
    worst.output = std::max(worst.output, std::abs(got - wanted[i]) / largest);
  }
}

void compare_all(at::ScalarType type, double tolerance) {
  Deviations worst;
  const auto files = golden_files();
  EXPECT_GE(files.size(), 20U) << "the files of tests/golden/unet are there";
  for (const auto& [name, golden] : files) {
    SCOPED_TRACE(name);
    compare(golden, type, tolerance, worst);
  }
  testing::Test::RecordProperty("worst_block", std::to_string(worst.block * 1e9) + "e-9");
  testing::Test::RecordProperty("worst_output", std::to_string(worst.output * 1e9) + "e-9");
}

TEST(UNetGolden, ItsParametersAreThoseThatDiffusersLists) {
  for (const auto& [name, golden] : golden_files()) {
    SCOPED_TRACE(name);
    Json ours = Json::object();
    const UNet network(config_of(golden));
    for (const NamedTensor& one : network.parameters().all()) {
      ours[one.name] = one.value.sizes().vec();
    }
    EXPECT_EQ(ours, golden.at("parameters"));
  }
}

// The sinusoids are float32 in both programs, the rest differs by the order of float64 sums.
TEST(UNetGolden, InFloat64EachBlockAndTheOutputAreThoseOfDiffusers) {
  compare_all(at::kDouble, 1e-9);
}

// Float32 against float64 through up to sixty layers: 1e-5 is 80 roundings.
TEST(UNetGolden, InFloat32EachBlockAndTheOutputAreThoseOfDiffusersInFloat64) {
  compare_all(at::kFloat, 1e-5);
}

}  // namespace
}  // namespace ddpm
