#include "ddpm/unet/initial_values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "ddpm/base/sha256.h"
#include "ddpm/testing/some_networks.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

// The same rule by the names of diffusers' modules, in place of the graph.
InitialValues values_by_name(const NamedShape& parameter) {
  using Kind = InitialValues::Kind;
  const std::string& name = parameter.name;
  const std::vector<int64_t>& shape = parameter.shape;
  if (name == "time_proj.weight" || name == "class_embedding.weight") return {Kind::kNormal, 0.0};
  if (shape.size() == 1) return {name.ends_with(".weight") ? Kind::kOnes : Kind::kZeros, 0.0};
  const bool near_zero = name.ends_with("conv2.weight") || name.ends_with("to_out.0.weight") ||
                         name == "conv_out.weight";
  const int64_t positions = shape.size() == 4 ? shape[2] * shape[3] : 1;
  const auto fans = static_cast<double>((shape[0] + shape[1]) * positions);
  return {Kind::kUniform, std::sqrt(6.0 * (near_zero ? 1e-10 : 1.0) / fans)};
}

TEST(InitialValues, OfEveryNetworkAreThoseThatTheNamesOfItsModulesStandFor) {
  for (const auto& [name, config] : networks_of_all_kinds()) {
    SCOPED_TRACE(name);
    const std::vector<NamedShape> parameters = unet_parameters(config);
    const std::vector<InitialValues> values = initial_values(config);
    ASSERT_EQ(values.size(), parameters.size());
    for (size_t k = 0; k < values.size(); ++k) {
      EXPECT_EQ(values[k], values_by_name(parameters[k])) << parameters[k].name;
    }
  }
}

std::string digest_of_initial_values(const UNetConfig& config, uint64_t seed) {
  const std::vector<NamedShape> parameters = unet_parameters(config);
  const std::vector<InitialValues> values = initial_values(config);
  Sha256 sum;
  for (size_t k = 0; k < values.size(); ++k) {
    std::vector<float> elements(static_cast<size_t>(parameters[k].count()), NAN);
    fill_initial_values(values[k], seed, k, elements);
    sum.add(std::as_bytes(std::span(elements)));
  }
  return sum.hex();
}

// The digest was computed when the values were decided by the names, in the layer `models`.
TEST(InitialValues, OfTwoHundredNetworksHaveTheBitsThatTheyAlwaysHad) {
  Sha256 sum;
  for (uint64_t network = 0; network < 200; ++network) {
    const std::string digest = digest_of_initial_values(some_unet(network), 17);
    sum.add(std::as_bytes(std::span(digest)));
  }
  EXPECT_EQ(sum.hex(), "567c481338fec2f6efda3a03a155ea408d277a06177b8aaf9ff0e5192116c415");
}

TEST(InitialValues, DependOnTheSeed) {
  EXPECT_EQ(digest_of_initial_values(some_unet(0), 1), digest_of_initial_values(some_unet(0), 1));
  EXPECT_NE(digest_of_initial_values(some_unet(0), 1), digest_of_initial_values(some_unet(0), 2));
}

}  // namespace
}  // namespace ddpm
