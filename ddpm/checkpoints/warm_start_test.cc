#include "ddpm/checkpoints/warm_start.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_checkpoint.h"
#include "ddpm/testing/toy_unet.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

using Names = std::vector<std::string>;

ModelConfig another_model() {
  ModelConfig model;
  model.unet = toy_unet();
  model.unet.cosine_first = true;
  model.unet.dropout = 0.25;
  model.unet.classes = 3;
  model.schedule = {.kind = ScheduleKind::kCosine, .T = 30, .beta_1 = 0.01, .beta_T = 0.02};
  model.prediction = Prediction::kV;
  model.variance = Variance::kFixedSmall;
  return model;
}

ParameterValues numbered(const UNetConfig& unet) {
  ParameterValues values;
  for (const NamedShape& parameter : unet_parameters(unet)) {
    values.emplace_back(static_cast<size_t>(parameter.count()),
                        static_cast<float>(values.size() + 1));
  }
  return values;
}

TEST(WarmStart, TakesNetworkAndProcessOfTheModelWhereNoKeyIsNamed) {
  const ModelConfig model = another_model();
  const TrainConfig config = config_begun_from({}, model, {});
  ASSERT_TRUE(config.network);
  UNetConfig unet = model.unet;
  unet.classes = 0;
  EXPECT_EQ(unet_config_of(config, unet.image_channels, unet.height, unet.width), unet);
  EXPECT_EQ(config.height, unet.height);
  EXPECT_EQ(config.channels, unet.image_channels);
  EXPECT_EQ(schedule_config_of(config), model.schedule);
  EXPECT_EQ(config.prediction, Prediction::kV);
  EXPECT_EQ(config.variance, Variance::kFixedSmall);
  EXPECT_EQ(config.loss, LossKind::kSimple);
  EXPECT_LE(config.sample_steps, 30);
}

TEST(WarmStart, LeavesWhatIsNamedAsItIs) {
  TrainConfig config;
  config.base_channels = 8;
  config.height = 16;
  config.width = 24;
  config.T = 40;
  config.prediction = Prediction::kX0;
  const Names named = {"base_channels", "image_size", "T", "prediction", "dropout"};
  const TrainConfig begun = config_begun_from(config, another_model(), named);
  EXPECT_FALSE(begun.network);
  EXPECT_EQ(begun.base_channels, 8);
  EXPECT_EQ(begun.width, 24);
  EXPECT_EQ(begun.schedule, ScheduleKind::kLinear);
  EXPECT_EQ(begun.T, 40);
  EXPECT_EQ(begun.prediction, Prediction::kX0);
  EXPECT_EQ(begun.dropout, TrainConfig().dropout);
  EXPECT_EQ(begun.variance, Variance::kFixedSmall);
}

TEST(WarmStart, OfALearnedVarianceTrainsIt) {
  ModelConfig model = another_model();
  model.unet.learned_variance = true;
  model.variance = Variance::kLearnedRange;
  EXPECT_EQ(config_begun_from({}, model, {}).loss, LossKind::kHybrid);
  const Names named = {"loss"};
  EXPECT_EQ(config_begun_from({}, model, named).loss, LossKind::kSimple);
}

TEST(WarmStart, TakesEveryTensorOfTheSameNetwork) {
  const UNetConfig unet = toy_unet();
  const WarmStart start = take_over(unet, unet, numbered(unet), "c");
  EXPECT_EQ(start.values, numbered(unet));
  ASSERT_EQ(start.lines.size(), 1U);
  EXPECT_EQ(start.lines[0], concat("taken ", start.values.size(), " of ", start.values.size(),
                                   " tensors, ", with_thousands(count_parameters(unet)), " of ",
                                   with_thousands(count_parameters(unet)), " values"));
}

TEST(WarmStart, ListsWhatIsBegunAfreshAndLeftOut) {
  UNetConfig old_unet = toy_unet();
  old_unet.classes = 3;
  UNetConfig unet = toy_unet();
  unet.learned_variance = true;
  unet.blocks_per_level += 1;
  const WarmStart start = take_over(unet, old_unet, numbered(old_unet), "c");
  ASSERT_EQ(start.lines.size(), 4U);
  EXPECT_EQ(start.lines[1],
            "begun afresh for their shape 2 tensors: conv_out.weight of [2, 4, 3, 3], there "
            "[1, 4, 3, 3]; conv_out.bias of [2], there [1]");
  expect_contains(start.lines[2], "not there: 22 tensors: down_blocks.0.resnets.1.norm1; down_");
  EXPECT_EQ(start.lines[3], "left out 1 tensor: class_embedding");
  const auto parameters = unet_parameters(unet);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const bool afresh = parameters[i].name.rfind("conv_out", 0) == 0;
    EXPECT_TRUE(!afresh || start.values[i].empty());
    if (!start.values[i].empty()) {
      EXPECT_EQ(std::ssize(start.values[i]), parameters[i].count()) << parameters[i].name;
    }
  }
  // by its name, not by its place
  const auto place_of = [](const UNetConfig& config, const std::string& name) {
    const auto all = unet_parameters(config);
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const NamedShape& one) { return one.name == name; });
    return static_cast<size_t>(found - all.begin());
  };
  const std::string name = "mid_block.resnets.1.conv2.weight";
  EXPECT_EQ(start.values[place_of(unet, name)].front(),
            static_cast<float>(place_of(old_unet, name) + 1));
}

TEST(WarmStart, OfNothingIsAnError) {
  UNetConfig wide = toy_unet();
  wide.levels[0].channels *= 2;
  wide.image_channels = 4;
  const auto error = complaint<InvalidArgument>(
      [&] { take_over(wide, toy_unet(), numbered(toy_unet()), "init_from: c"); });
  EXPECT_EQ(error.find("init_from: c: none of its "), 0U) << error;
}

TEST(NetworkOfAConfiguration, IsReadFromJsonAndComesBack) {
  const ConfigField& field = train_config_field("network");
  TrainConfig config;
  EXPECT_EQ(field.text(config), "none");
  config.network = another_model().unet;
  TrainConfig read;
  field.set_text(read, field.text(config));
  EXPECT_EQ(read.network, config.network);
  read.network.reset();
  field.set_json(read, field.get(config));
  EXPECT_EQ(read.network, config.network);
  expect_contains(complaint<InvalidArgument>([&] { field.set_text(read, "{\"a\": 1}"); }),
                  "_class_name");
  expect_contains(complaint<InvalidArgument>([&] { field.set_text(read, "no-such-file"); }),
                  "network must be none or the config.json of a UNet2DModel");
}

TEST(NetworkOfAConfiguration, TakesTheImagesSizeAndWhatTrainingSays) {
  TrainConfig config;
  config.network = another_model().unet;
  config.network->classes = 0;
  config.dropout = 0.5;
  config.variance = Variance::kLearnedRange;
  const UNetConfig unet = unet_config_of(config, 3, 16, 20);
  EXPECT_EQ(unet.image_channels, 3);
  EXPECT_EQ(unet.width, 20);
  EXPECT_EQ(unet.dropout, 0.5);
  EXPECT_EQ(unet.output_channels(), 6);
  EXPECT_TRUE(unet.cosine_first);
  config.network->classes = 2;
  EXPECT_THROW(unet_config_of(config, 3, 16, 20), InvalidArgument);
  config.network->classes = 0;
  config.network->learned_times = config.T - 1;
  EXPECT_THROW(unet_config_of(config, 3, 16, 20), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
