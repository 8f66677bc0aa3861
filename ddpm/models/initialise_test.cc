#include <gtest/gtest.h>

#include "ddpm/models/unet.h"
#include "ddpm/tensor/convert.h"
#include "ddpm/testing/some_networks.h"
#include "ddpm/unet/initial_values.h"

namespace ddpm {
namespace {

TEST(Initialise, GivesEveryNetworkTheInitialValuesOfItsGraph) {
  for (const auto& [name, config] : networks_of_all_kinds()) {
    if (name == "cifar10" || name == "lsun256") continue;  // large, and of no other kind
    SCOPED_TRACE(name);
    UNet network(config);
    network.initialise(17);
    const std::vector<InitialValues> initial = initial_values(config);
    const auto& parameters = network.parameters().all();
    ASSERT_EQ(parameters.size(), initial.size());
    for (size_t k = 0; k < initial.size(); ++k) {
      std::vector<float> expected(static_cast<size_t>(parameters[k].value.numel()));
      fill_initial_values(initial[k], 17, k, expected);
      const std::vector<double> values = to_doubles(parameters[k].value);
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), values.begin(), values.end()))
          << parameters[k].name;
    }
  }
}

}  // namespace
}  // namespace ddpm
