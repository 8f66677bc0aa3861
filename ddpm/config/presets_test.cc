#include "ddpm/config/presets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

UNetConfig network_of(const TrainConfig& config) {
  return unet_config_of(config, std::max<int64_t>(config.channels, 1), config.height, config.width);
}

TEST(Presets, AllAreLegalAndHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Preset& one : presets()) {
    SCOPED_TRACE(one.name);
    EXPECT_TRUE(names.insert(one.name).second);
    EXPECT_FALSE(one.summary.empty());
    EXPECT_NO_THROW(check_train_config(one.config, one.name));
    EXPECT_EQ(preset(one.name), one.config);
    EXPECT_NO_THROW(network_of(one.config));
  }
}

// The paper's numbers: 35.7 and 114 million.
TEST(Presets, ThePapersNetworksHaveThePapersSize) {
  EXPECT_EQ(count_parameters(network_of(preset("cifar10"))), 35746307);
  EXPECT_EQ(count_parameters(network_of(preset("celebahq256"))), 113673219);
  EXPECT_EQ(count_parameters(network_of(preset("lsun256"))), 113673219);
}

TEST(Presets, ThePapersRunsAreAsPublished) {
  const TrainConfig cifar = preset("cifar10");
  EXPECT_EQ(cifar.batch_size * cifar.steps, 128 * 800000);
  EXPECT_EQ(cifar.learning_rate, 2e-4);
  EXPECT_EQ(cifar.dropout, 0.1);
  EXPECT_EQ(cifar.variance, Variance::kFixedLarge);
  EXPECT_TRUE(cifar.flip);
  for (const char* name : {"celebahq256", "lsun256"}) {
    const TrainConfig config = preset(name);
    EXPECT_EQ(config.batch_size, 64);
    EXPECT_EQ(config.learning_rate, 2e-5);
    EXPECT_EQ(config.dropout, 0.0);
    EXPECT_EQ(config.variance, Variance::kFixedSmall);
  }
  for (const char* name : {"cifar10", "celebahq256", "lsun256"}) {
    const TrainConfig config = preset(name);
    EXPECT_EQ(config.T, 1000);
    EXPECT_EQ(config.beta_1, 1e-4);
    EXPECT_EQ(config.beta_T, 0.02);
    EXPECT_EQ(config.warmup, 5000);
    EXPECT_EQ(config.ema_decay, 0.9999);
    EXPECT_EQ(config.ema_rule, EmaRule::kConstant);
    EXPECT_EQ(config.prediction, Prediction::kEps);
  }
}

TEST(Presets, EachRowOfTable2IsThere) {
  int64_t rows = 0;
  for (const Preset& one : presets()) {
    if (one.name.rfind("table2-", 0) != 0) continue;
    ++rows;
    TrainConfig config = one.config;
    const bool learned = one.name.find("-learned") != std::string::npos;
    const bool bound = one.name.find("-bound") != std::string::npos;
    EXPECT_EQ(one.name.find("table2-" + to_string(config.prediction)), 0U);
    EXPECT_EQ(config.variance, learned ? Variance::kLearned : Variance::kFixedLarge);
    EXPECT_EQ(config.loss, bound     ? LossKind::kBound
                           : learned ? LossKind::kHybrid
                                     : LossKind::kSimple);
    // nothing else is other than in the paper's run
    for (const char* key : {"prediction", "variance", "loss"}) {
      const ConfigField& field = train_config_field(key);
      field.set_json(config, field.get(preset("cifar10")));
    }
    EXPECT_EQ(config, preset("cifar10"));
  }
  EXPECT_EQ(rows, 12);
}

TEST(Presets, TheTinyOneIsTiny) { EXPECT_LT(count_parameters(network_of(preset("tiny"))), 50000); }

TEST(Presets, AnUnknownNameListsTheKnownOnes) {
  try {
    preset("cifar-10");
    FAIL() << "no error";
  } catch (const InvalidArgument& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.rfind("--preset must be one of cifar10, celebahq256, lsun256, fashion-mnist, "
                            "tiny, table2-mean-bound-learned, ",
                            0),
              0U)
        << message;
    EXPECT_NE(message.find(", got 'cifar-10'; did you mean 'cifar10'?"), std::string::npos)
        << message;
  }
}

}  // namespace
}  // namespace ddpm
