#include "ddpm/formats/unet_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

UNetConfig cifar10() { return {}; }

using List = std::vector<int64_t>;

UNetConfig lsun256(int64_t base_channels = 128) {
  return {.height = 256,
          .width = 256,
          .levels = paper_levels(base_channels, List{1, 1, 2, 2, 4, 4}, List{16}, 256),
          .dropout = 0.0};
}

UNetConfig small() {
  return {.image_channels = 1,
          .height = 8,
          .width = 12,
          .levels = paper_levels(8, List{1, 3}, List{8, 4}, 8),
          .blocks_per_level = 1,
          .norm_groups = 4,
          .norm_epsilon = 1e-5,
          .dropout = 0.25};
}

// The lines of tests/golden/unet_keys: a name, a space, "[2,3]".
void expect_keys(const UNetConfig& config, const std::string& file_name) {
  const std::string path = std::string(DDPM_SOURCE_DIR) + "/tests/golden/unet_keys/" + file_name;
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::string line;
  size_t lines = 0;
  const std::vector<NamedShape> parameters = unet_parameters(config);
  for (; std::getline(file, line); ++lines) {
    ASSERT_LT(lines, parameters.size());
    std::string ours = parameters[lines].name + " [";
    for (int64_t extent : parameters[lines].shape) ours += std::to_string(extent) + ",";
    ours.back() = ']';
    ASSERT_EQ(ours, line) << "line " << lines + 1;
  }
  EXPECT_EQ(lines, parameters.size());
}

std::string error_of(const UNetConfig& config) {
  try {
    check_unet_config(config);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "no error";
}

std::string error_of(const Json& json) {
  try {
    unet_config_from_json(json, "config.json");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
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

TEST(UNetParameters, AreThoseOfThePublishedCifarNetworkInTheirOrder) {
  expect_keys(cifar10(), "cifar10-32.txt");
}

TEST(UNetParameters, AreThoseOfThePublished256NetworksInTheirOrder) {
  expect_keys(lsun256(), "256.txt");
}

TEST(UNetParameters, HaveThePublishedCounts) {
  EXPECT_EQ(unet_parameters(cifar10()).size(), 328u);
  EXPECT_EQ(count_parameters(cifar10()), 35'746'307);
  EXPECT_EQ(unet_parameters(lsun256()).size(), 450u);
  EXPECT_EQ(count_parameters(lsun256()), 113'673'219);
  const UNetConfig wide = lsun256(192);
  EXPECT_EQ(count_parameters(wide), 255'677'955);
  UNetConfig gray = cifar10();
  gray.image_channels = 1;
  // conv_in and conv_out each lose 2 channels of 128 x 9 weights, and conv_out 2 biases.
  EXPECT_EQ(count_parameters(gray), 35'746'307 - 2 * (2 * 128 * 9) - 2);
  UNetConfig learned = cifar10();
  learned.learned_variance = true;
  EXPECT_EQ(count_parameters(learned), 35'749'766);
}

// One level, one block, no attention on the way: conv_in and conv_out 2 * 9 * c * b; down one
// resnet, b -> b; middle two resnets and an attention; up two resnets, 2b -> b with a shortcut.
TEST(UNetMultiplyAdds, AreTheSumByHandForASmallNetwork) {
  const UNetConfig config{.image_channels = 2,
                          .height = 2,
                          .width = 3,
                          .levels = {{.channels = 4}},
                          .blocks_per_level = 1,
                          .norm_groups = 2};
  constexpr int64_t P = 6;   // pixels
  constexpr int64_t b = 4;   // channels
  constexpr int64_t t = 16;  // width of the time embedding
  const int64_t ends = 2 * 9 * 2 * b * P;
  const int64_t time = b * t + t * t;
  const int64_t straight = 9 * b * b * P + t * b + 9 * b * b * P;
  const int64_t joining = 9 * 2 * b * b * P + t * b + 9 * b * b * P + 2 * b * b * P;
  const int64_t attention = 4 * b * b * P + 2 * P * P * b;
  EXPECT_EQ(count_multiply_adds(config), ends + time + 3 * straight + attention + 2 * joining);
}

// To the digits published: 6.22 G and 248.5 G, and 558.6 G at 192 channels.
TEST(UNetMultiplyAdds, AreThePublishedOnes) {
  EXPECT_NEAR(static_cast<double>(count_multiply_adds(cifar10())), 6.22e9, 0.005e9);
  EXPECT_NEAR(static_cast<double>(count_multiply_adds(lsun256())), 248.5e9, 0.05e9);
  const UNetConfig wide = lsun256(192);
  EXPECT_NEAR(static_cast<double>(count_multiply_adds(wide)), 558.6e9, 0.05e9);
}

TEST(UNetMultiplyAdds, ThatNoNumberHoldsAreAnError) {
  UNetConfig config = small();
  config.height = config.width = 16384;
  config.levels = {{.channels = 65536, .attention_down = true}};
  EXPECT_THROW(count_multiply_adds(config), InvalidArgument);  // 2^28 x 2^28 x 2^16 and more
}

TEST(UNetConfigCheck, AcceptsWhatTheLevelsAllow) {
  for (const UNetConfig& config : {cifar10(), lsun256(), small()}) {
    EXPECT_EQ(error_of(config), "no error");
  }
}

TEST(UNetConfigCheck, NamesTheNearestLegalSizes) {
  UNetConfig config = cifar10();
  config.levels.pop_back();
  config.height = 28;
  config.width = 30;
  EXPECT_EQ(error_of(config),
            "unet: image size 28x30 cannot be halved 2 times; the nearest legal sizes are 28x28 "
            "and 28x32; choose one with --image-size and --fit crop, pad or stretch");
  config.height = 3;
  config.width = 9;
  EXPECT_EQ(error_of(config),
            "unet: image size 3x9 cannot be halved 2 times; the nearest legal size is 4x12; "
            "choose one with --image-size and --fit crop, pad or stretch");
}

std::string levels_error(const List& multipliers, const List& resolutions) {
  try {
    paper_levels(128, multipliers, resolutions, 32);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "no error";
}

TEST(PaperLevels, WantAttentionAtTheHeightsOfLevels) {
  EXPECT_EQ(levels_error({1, 2, 2, 2}, {16, 14}),
            "unet: each of attention_resolutions must be the height of a level, one of 32, 16, 8, "
            "4, got 14");
  EXPECT_EQ(levels_error({1, 2, 2, 2}, {8, 16, 8}),
            "unet: each of attention_resolutions must be there once, got 8 twice");
}

TEST(PaperLevels, WantMultipliersThatStartWithOne) {
  EXPECT_EQ(levels_error({1, 2}, {32}), "no error");
  EXPECT_NE(levels_error({2, 2}, {}).find("must start with 1"), std::string::npos);
  EXPECT_NE(levels_error({}, {}).find("channel_multipliers"), std::string::npos);
  EXPECT_NE(levels_error({1, 0}, {}).find("channel_multipliers"), std::string::npos);
  EXPECT_NE(levels_error({1, 513}, {}).find("1 to 512, got 513"), std::string::npos);
  EXPECT_NE(levels_error(List(11, 1), {}).find("1 to 10, got 11"), std::string::npos);
}

TEST(UNetConfigCheck, RefusesEachFieldOutOfItsRange) {
  const auto error_after = [](auto change) {
    UNetConfig config = cifar10();
    change(config);
    return error_of(config);
  };
  const auto expect = [](const std::string& error, const std::string& field) {
    EXPECT_EQ(error.find("unet: "), 0u) << error;
    EXPECT_NE(error.find(field), std::string::npos) << error;
  };
  using C = UNetConfig;
  expect(error_after([](C& c) { c.image_channels = 0; }), "image_channels");
  expect(error_after([](C& c) { c.image_channels = 5; }), "image_channels");
  expect(error_after([](C& c) { c.height = 0; }), "height");
  expect(error_after([](C& c) { c.width = -32; }), "width");
  expect(error_after([](C& c) { c.width = 32768; }), "width");
  expect(error_after([](C& c) { c.levels[1].channels = 1'000'000'000; }), "channels of a level");
  expect(error_after([](C& c) { c.levels[0].channels = 100; }), "of norm_groups, 32, got 100");
  expect(error_after([](C& c) { c.levels = {{.channels = 33}}, c.norm_groups = 33; }), "be even");
  expect(error_after([](C& c) { c.norm_groups = 0; }), "norm_groups");
  expect(error_after([](C& c) { c.levels = {}; }), "number of levels");
  expect(error_after([](C& c) { c.levels.resize(11); }), "1 to 10, got 11");
  expect(error_after([](C& c) { c.blocks_per_level = 0; }), "blocks_per_level");
  expect(error_after([](C& c) { c.blocks_per_level = 65; }), "blocks_per_level");
  expect(error_after([](C& c) { c.norm_epsilon = 0.0; }), "norm_epsilon");
  expect(error_after([](C& c) { c.dropout = 1.0; }), "dropout");
  expect(error_after([](C& c) { c.dropout = std::nan(""); }), "dropout");
  expect(error_after([](C& c) { c.middle_scale = 0.0; }), "middle_scale");
  expect(error_after([](C& c) { c.downsample_padding = 2; }), "downsample_padding");
  expect(error_after([](C& c) { c.frequency_shift = 64; }), "frequency_shift");
  expect(error_after([](C& c) { c.learned_times = -1; }), "learned_times");
  expect(error_after([](C& c) { c.classes = 2'000'000; }), "classes");
  expect(error_after([](C& c) { c.time_channels = 65537; }), "time_channels");
  expect(error_after([](C& c) { c.middle_attention_groups = 48; }), "middle_attention_groups");
  expect(error_after([](C& c) { c.head_channels = 257; }), "head_channels");
  expect(error_after([](C& c) { c.levels.assign(4, {.channels = 65536}); }),
         "at most 68,719,476,736 parameters");
}

// Everything that the paper's networks do not have.
UNetConfig unusual() {
  UNetConfig config = small();
  config.levels = {
      {.channels = 8, .attention_up = true, .up = Resampling::kResidualBlock},
      {.channels = 12, .down = Resampling::kResidualBlock, .up = Resampling::kResidualBlock},
      {.channels = 20, .attention_down = true, .down = Resampling::kResidualBlock}};
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
  EXPECT_EQ(error_with("_name_or_path", "x"), "no error");
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
  EXPECT_EQ(error_with("act_fn", "swish"), "no error");
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
  EXPECT_EQ(error_with("freq_shift", 1.0), "no error");
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
}

TEST(UNetConfigJson, RefusesHugeNumbersBeforeAnythingIsAllocated) {
  for (const Json& value : {Json(1000000000), Json(UINT64_MAX), Json(INT64_MIN), Json(1e300),
                            Json("32"), Json(true), Json(nullptr), Json(32.0)}) {
    for (const char* key : {"sample_size", "in_channels", "layers_per_block", "norm_num_groups"}) {
      EXPECT_NE(error_with(key, value), "no error") << key << " " << value;
    }
    const Json widths = {128, 256, 256, value};
    EXPECT_NE(error_with("block_out_channels", widths), "no error") << value;
  }
  EXPECT_NE(error_with("block_out_channels", Json::array()), "no error");
  EXPECT_NE(error_with("block_out_channels", std::vector<int>(11, 128)), "no error");
  EXPECT_NE(error_with("block_out_channels", {0, 0, 0, 0}), "no error");
  EXPECT_NE(error_with("dropout", "0.1"), "no error");
  EXPECT_NE(error_with("norm_eps", -1.0), "no error");
}

TEST(UNetConfigJson, RefusesWhatIsNoObject) {
  EXPECT_EQ(error_of(Json::array({1, 2})), "config.json: wanted a JSON object, got [1,2]");
  EXPECT_LT(error_of(Json(std::string(100000, 'x'))).size(), 200u);
}

}  // namespace
}  // namespace ddpm
