#include "ddpm/unet/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/some_networks.h"
#include "ddpm/unet/parameters.h"
#include "ddpm/unet/work.h"

namespace ddpm {
namespace {

using List = std::vector<int64_t>;

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
  return complaint<InvalidArgument>([&] { check_unet_config(config); });
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
    EXPECT_EQ(error_of(config), "");
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
  return complaint<InvalidArgument>([&] { paper_levels(128, multipliers, resolutions, 32); });
}

TEST(PaperLevels, WantAttentionAtTheHeightsOfLevels) {
  EXPECT_EQ(levels_error({1, 2, 2, 2}, {16, 14}),
            "unet: each of attention_resolutions must be the height of a level, one of 32, 16, 8, "
            "4, got 14");
  EXPECT_EQ(levels_error({1, 2, 2, 2}, {8, 16, 8}),
            "unet: each of attention_resolutions must be there once, got 8 twice");
}

TEST(PaperLevels, WantMultipliersThatStartWithOne) {
  EXPECT_EQ(levels_error({1, 2}, {32}), "");
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

}  // namespace
}  // namespace ddpm
