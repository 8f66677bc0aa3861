#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/some_networks.h"
#include "ddpm/unet/config.h"

namespace ddpm {
namespace {

std::string error_of(const Json& json) {
  return complaint<FormatError>([&] { unet_config_from_json(json, "config.json"); });
}

std::string error_with(const std::string& key, const Json& value) {
  Json json = unet_config_to_json(cifar10());
  json[key] = value;
  return error_of(json);
}

std::string error_without(const std::string& key) {
  Json json = unet_config_to_json(cifar10());
  json.erase(key);
  return error_of(json);
}

// Everything that the paper's networks do not have.
UNetConfig unusual() {
  UNetConfig config = small();
  config.levels = {
      {.channels = 8, .attention_up = true},
      {.channels = 12, .down = Resampling::kResidualBlock, .up = Resampling::kResidualBlock},
      {.channels = 20, .attention_up = true, .up = Resampling::kResidualBlock}};
  config.middle_attention_groups = 2;
  config.middle_scale = 1.5;
  config.head_channels = 6;
  config.scale_shift = true;
  config.downsample_padding = 1;
  config.center_input = true;
  config.time_channels = 24;
  config.cosine_first = true;
  config.frequency_shift = 0;
  config.learned_times = 10;
  config.classes = 3;
  return config;
}

TEST(UNetConfigJson, ComesBackAsItWas) {
  for (const UNetConfig& config : {cifar10(), lsun256(), small(), unusual()}) {
    EXPECT_EQ(unet_config_from_json(unet_config_to_json(config), "config.json"), config);
  }
}

// The file of google/ddpm-cifar10-32, which an early version of diffusers wrote.
TEST(UNetConfigJson, ReadsThePublishedFileThatLacksTheNewerFields) {
  const char* text = R"({
    "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "act_fn": "silu",
    "attention_head_dim": null, "block_out_channels": [128, 256, 256, 256],
    "center_input_sample": false,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "downsample_padding": 0, "flip_sin_to_cos": false, "freq_shift": 1, "in_channels": 3,
    "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-06,
    "norm_num_groups": 32, "out_channels": 3, "sample_size": 32,
    "time_embedding_type": "positional",
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]})";
  UNetConfig expected = cifar10();
  expected.dropout = 0.0;  // what a missing field stands for
  EXPECT_EQ(unet_config_from_json(parse_json(text, "t"), "t"), expected);
}

TEST(UNetConfigJson, WritesEveryFieldOfUNet2DModel) {
  const Json json = unet_config_to_json(cifar10());
  EXPECT_EQ(json.size(), 30u);  // 28 arguments of the class, its name, its version
  EXPECT_EQ(json.at("_class_name"), "UNet2DModel");
  EXPECT_EQ(json.at("_diffusers_version"), "0.42.1");
  EXPECT_TRUE(json.at("attention_head_dim").is_null());
  EXPECT_EQ(json.at("downsample_padding"), 0);
  EXPECT_EQ(json.at("flip_sin_to_cos"), false);
  EXPECT_EQ(json.at("freq_shift"), 1);
  EXPECT_EQ(json.at("norm_eps"), 1e-6);
  EXPECT_EQ(json.at("sample_size"), 32);
  EXPECT_EQ(json.at("block_out_channels"), Json({128, 256, 256, 256}));
  EXPECT_EQ(json.at("down_block_types"),
            Json({"DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"}));
  EXPECT_EQ(json.at("up_block_types"),
            Json({"UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"}));
  EXPECT_EQ(unet_config_to_json(small()).at("sample_size"), Json({8, 12}));
}

TEST(UNetConfigJson, NamesAnUnknownKeyAndTheNearestKnownOne) {
  EXPECT_EQ(error_with("droput", 0.1),
            "config.json: unknown key \"droput\"; did you mean 'dropout'?");
  EXPECT_EQ(error_with("a\nb", 1), "config.json: unknown key \"a\\nb\"");
  EXPECT_EQ(error_with("_name_or_path", "x"), "");
}

TEST(UNetConfigJson, TellsAMissingKeyFromNull) {
  Json json = unet_config_to_json(cifar10());
  json.erase("attention_head_dim");
  json.erase("norm_eps");
  std::vector<std::string> defaulted;
  const UNetConfig config = unet_config_from_json(json, "config.json", &defaulted);
  EXPECT_EQ(config.head_channels, 8);
  EXPECT_EQ(config.norm_epsilon, 1e-5);
  EXPECT_EQ(defaulted, (std::vector<std::string>{"attention_head_dim", "norm_eps"}));
  EXPECT_EQ(error_without("sample_size"),
            "config.json: 'sample_size' must be a number or [height, width], got null");
  EXPECT_EQ(error_without("_class_name"),
            "config.json: '_class_name' must be UNet2DModel, got null");
}

TEST(UNetConfigJson, NamesTheValueThatTheNetworkDoesNotHave) {
  EXPECT_EQ(error_with("act_fn", "mish"),
            "config.json: 'act_fn' must be \"silu\", the only one that is known here, got "
            "\"mish\"");
  EXPECT_EQ(error_with("act_fn", "swish"), "");
  EXPECT_EQ(error_with("time_embedding_type", "fourier"),
            "config.json: 'time_embedding_type' must be learned or positional, got \"fourier\"");
  EXPECT_EQ(error_with("time_embedding_type", "learned"),
            "config.json: 'num_train_timesteps' must be the rows of the learned embedding, got "
            "null");
  for (const char* key : {"mid_block_type", "class_embed_type", "resnet_time_scale_shift"}) {
    EXPECT_NE(error_with(key, "timestep").find(key), std::string::npos);
  }
  EXPECT_EQ(error_with("downsample_padding", 2),
            "config.json: unet: downsample_padding must be in 0 to 1, got 2");
  EXPECT_EQ(error_with("freq_shift", 1.0), "");
  EXPECT_EQ(error_with("_class_name", "UNet2DConditionModel"),
            "config.json: '_class_name' must be UNet2DModel, got \"UNet2DConditionModel\"");
  EXPECT_EQ(error_with("out_channels", 4),
            "config.json: 'out_channels' must be in_channels, 3, or twice as many, got 4");
  EXPECT_EQ(error_with("sample_size", {32, 32, 3}),
            "config.json: 'sample_size' must be a number or [height, width], got [32,32,3]");
  const char* types = "'down_block_types' must be a list of 4 names";
  EXPECT_NE(error_with("down_block_types", "DownBlock2D").find(types), std::string::npos);
  EXPECT_NE(error_with("down_block_types", {"DownBlock2D"}).find(types), std::string::npos);
  EXPECT_NE(error_with("down_block_types", {"SkipDownBlock2D", "DownBlock2D", "DownBlock2D", 1})
                .find(types),
            std::string::npos);
  EXPECT_NE(error_with("up_block_types", {"DownBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"})
                .find("each UpBlock2D or AttnUpBlock2D or ResnetUpsampleBlock2D"),
            std::string::npos);
}

// The network that diffusers' script for unconditional training makes.
TEST(UNetConfigJson, ReadsWhatDiffusersLeavesToItsDefaults) {
  const char* text = R"({"_class_name": "UNet2DModel", "sample_size": [64, 32],
    "block_out_channels": [128, 192], "down_block_types": ["DownBlock2D", "UNetResAttnDownBlock2D"],
    "up_block_types": ["UpBlock2D", "UpBlock2D"], "decay": 0.9999, "power": 0.75})";
  UNetConfig expected;
  expected.height = 64;
  expected.levels = {{.channels = 128}, {.channels = 192, .attention_down = true}};
  expected.norm_epsilon = 1e-5;
  expected.dropout = 0.0;
  expected.head_channels = 8;
  expected.downsample_padding = 1;
  expected.cosine_first = true;
  expected.frequency_shift = 0;
  EXPECT_EQ(unet_config_from_json(parse_json(text, "t"), "t"), expected);
  const Json completed = completed_unet_json(parse_json(text, "t"), "t");
  EXPECT_EQ(completed.size(), 30u);
  EXPECT_FALSE(completed.contains("decay"));
  EXPECT_EQ(completed.at("sample_size"), Json({64, 32}));
  EXPECT_EQ(completed.at("norm_num_groups"), 32);
}

// Which blocks resample inside is said by their names or, of those with attention, by a type.
TEST(UNetConfigJson, TellsTheWaysOfResamplingApart) {
  Json json = unet_config_to_json(cifar10());
  json["downsample_type"] = "resnet";
  json["down_block_types"] = {"ResnetDownsampleBlock2D", "AttnDownBlock2D", "DownBlock2D",
                              "DownBlock2D"};
  json["up_block_types"] = {"UpBlock2D", "ResnetUpsampleBlock2D", "AttnUpBlock2D", "UpBlock2D"};
  const UNetConfig config = unet_config_from_json(json, "t");
  const auto in_block = Resampling::kResidualBlock;
  EXPECT_EQ(config.level(0).down, in_block);
  EXPECT_EQ(config.level(1).down, in_block);
  EXPECT_EQ(config.level(2).down, Resampling::kConvolution);
  EXPECT_EQ(config.level(1).up, Resampling::kConvolution);
  EXPECT_EQ(config.level(2).up, in_block);
  UNetConfig mixed = config;
  mixed.levels[2].attention_down = true;
  EXPECT_THROW(unet_config_to_json(mixed), InvalidArgument);
  // where a way ends there is nothing to resample, so the last level may have attention
  UNetConfig ends = config;
  ends.levels[3].attention_down = ends.levels[0].attention_up = true;
  EXPECT_EQ(unet_config_from_json(unet_config_to_json(ends), "t"), ends);
}

TEST(UNetConfigJson, RefusesHugeNumbersBeforeAnythingIsAllocated) {
  for (const Json& value : {Json(1000000000), Json(UINT64_MAX), Json(INT64_MIN), Json(1e300),
                            Json("32"), Json(true), Json(nullptr), Json(32.0)}) {
    for (const char* key : {"sample_size", "in_channels", "layers_per_block", "norm_num_groups"}) {
      EXPECT_NE(error_with(key, value), "") << key << " " << value;
    }
    const Json widths = {128, 256, 256, value};
    EXPECT_NE(error_with("block_out_channels", widths), "") << value;
  }
  EXPECT_NE(error_with("block_out_channels", Json::array()), "");
  EXPECT_NE(error_with("block_out_channels", std::vector<int>(11, 128)), "");
  EXPECT_NE(error_with("block_out_channels", {0, 0, 0, 0}), "");
  EXPECT_NE(error_with("dropout", "0.1"), "");
  EXPECT_NE(error_with("norm_eps", -1.0), "");
}

TEST(UNetConfigJson, RefusesWhatIsNoObject) {
  EXPECT_EQ(error_of(Json::array({1, 2})), "config.json: wanted a JSON object, got [1,2]");
  EXPECT_LT(error_of(Json(std::string(100000, 'x'))).size(), 200u);
}

}  // namespace
}  // namespace ddpm
