#include "ddpm/convert/source_layout.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/text.h"
#include "ddpm/convert/settings.h"
#include "ddpm/convert/tensors.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_networks.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

// The names and shapes of tests/golden/convert/NAME.
Shapes golden(const std::string& name) {
  std::ifstream file(concat(DDPM_SOURCE_DIR, "/tests/golden/convert/", name));
  Shapes shapes;
  std::string key;
  for (std::string extents; file >> key >> extents;) {
    for (const std::string& extent : split(extents.substr(1, extents.size() - 2), ',')) {
      shapes[key].push_back(parse_int(extent).value());
    }
  }
  return shapes;
}

struct Read {
  SettledModel settled;
  std::vector<TensorSource> sources;
};

Read read(const Shapes& shapes, SourceSystem system, const ConvertSettings& settings = {}) {
  const StateDictionary dictionary = read_state_dictionary(shapes, system, "file");
  const SourceLayout layout = source_layout(dictionary, system);
  SettledModel settled = settle(layout, system, settings);
  auto sources = tensor_sources(dictionary, layout, settled.model.unet);
  return {std::move(settled), std::move(sources)};
}

std::string error_of(const Shapes& shapes, SourceSystem system,
                     const ConvertSettings& settings = {.image_size = 16}) {
  return complaint<Error>([&] { read(shapes, system, settings); });
}

// Each parameter comes from the layer that the builder of the toy wrote down for it.
void expect_layers(const ToyNetwork& toy, const Read& read) {
  const std::vector<NamedShape> ours = unet_parameters(read.settled.model.unet);
  ASSERT_EQ(ours.size(), read.sources.size());
  std::set<std::string> used;
  for (size_t i = 0; i < ours.size(); ++i) {
    const std::string& name = ours[i].name;
    const size_t dot = name.rfind('.');
    if (name == "class_embedding.weight") {
      EXPECT_EQ(read.sources[i].theirs, "label_emb.weight");
    } else {
      EXPECT_EQ(read.sources[i].theirs, toy.theirs.at(name.substr(0, dot)) + name.substr(dot))
          << name;
    }
    used.insert(read.sources[i].theirs);
  }
  EXPECT_EQ(used.size(), toy.shapes.size());
}

TEST(SourceLayout, FindsEveryTensorOfTheNetworkOfCifar10OfImprovedDiffusion) {
  const Shapes shapes = golden("improved-diffusion-cifar10.txt");
  ASSERT_EQ(shapes.size(), 446U);
  const Read found = read(shapes, SourceSystem::kImprovedDiffusion);
  UNetConfig expected{.blocks_per_level = 3,
                      .norm_epsilon = 1e-5,
                      .dropout = 0.0,
                      .learned_variance = true,
                      .middle_attention_groups = 32,
                      .head_channels = 64,
                      .scale_shift = true,
                      .downsample_padding = 1,
                      .cosine_first = true,
                      .frequency_shift = 0};
  expected.levels[2].attention_down = expected.levels[2].attention_up = true;
  EXPECT_EQ(found.settled.model.unet, expected);
  EXPECT_EQ(count_parameters(found.settled.model.unet), 52'546'438);
  EXPECT_EQ(found.settled.model.variance, Variance::kLearnedRange);
}

TEST(SourceLayout, ATableOfTimesIsAllThatRescaledTimesAdd) {
  const Shapes shapes = golden("improved-diffusion-cifar10.txt");
  const Read found = read(shapes, SourceSystem::kImprovedDiffusion, {.T = 4000});
  EXPECT_EQ(found.settled.model.unet.learned_times, 4000);
  EXPECT_EQ(count_parameters(found.settled.model.unet), 52'546'438 + 4000 * 128);
}

TEST(SourceLayout, FindsEveryTensorOfTheNetworkOfImageNet64OfGuidedDiffusion) {
  const Shapes shapes = golden("guided-diffusion-64.txt");
  ASSERT_EQ(shapes.size(), 541U);
  const Read found = read(shapes, SourceSystem::kGuidedDiffusion, {.head_channels = 64});
  const UNetConfig& unet = found.settled.model.unet;
  EXPECT_EQ(count_parameters(unet), 295'904'454);
  EXPECT_EQ(unet.classes, 1000);
  EXPECT_EQ(unet.height, 64);
  for (int64_t i = 0; i < 4; ++i) {
    // the last level has nothing behind it
    EXPECT_EQ(unet.level(i).down, i < 3 ? Resampling::kResidualBlock : Resampling::kConvolution);
    EXPECT_EQ(unet.level(i).attention_down, i > 0);
  }
}

TEST(SourceLayout, FindsEveryTensorOfTheNetworkOfCifar10OfDdpmTorch) {
  const Shapes shapes = golden("ddpm-torch-cifar10.txt");
  ASSERT_EQ(shapes.size(), 304U);
  const Read found = read(shapes, SourceSystem::kDdpmTorch);
  UNetConfig expected;  // the paper's
  expected.dropout = 0.0;
  EXPECT_EQ(found.settled.model.unet, expected);
  EXPECT_EQ(count_parameters(expected), 35'746'307);
  EXPECT_EQ(found.settled.model.variance, Variance::kFixedLarge);
}

TEST(SourceLayout, CountsTheBlocksOfOpenaiAsTheyAreBuilt) {
  for (const int64_t blocks : {1, 2, 3}) {
    for (const auto& attended :
         std::vector<std::set<int64_t>>{{}, {0}, {1}, {2}, {0, 1, 2}, {1, 2}}) {
      for (const bool in_block : {false, true}) {
        const ToyOptions options{.multipliers = {1, 2, 2},
                                 .blocks = blocks,
                                 .attended = attended,
                                 .scale_shift = blocks != 2,
                                 .learned = blocks == 3,
                                 .in_block = in_block,
                                 .classes = blocks == 1 ? 7 : 0};
        SCOPED_TRACE(concat(blocks, " blocks, ", attended.size(), " attended, ", in_block));
        const ToyNetwork toy = toy_openai(options);
        const Read found = read(toy.shapes, SourceSystem::kGuidedDiffusion,
                                {.image_size = 16, .head_channels = 32});
        expect_layers(toy, found);
        const UNetConfig& unet = found.settled.model.unet;
        EXPECT_EQ(unet.blocks_per_level, blocks);
        EXPECT_EQ(unet.scale_shift, blocks != 2);
        EXPECT_EQ(unet.learned_variance, blocks == 3);
        EXPECT_EQ(unet.classes, options.classes);
        for (int64_t i = 0; i < 3; ++i) {
          EXPECT_EQ(unet.level(i).attention_down, attended.count(i) > 0);
          EXPECT_EQ(unet.level(i).attention_up, attended.count(i) > 0);
        }
        EXPECT_NO_THROW(unet_config_to_json(unet));
      }
    }
  }
}

TEST(SourceLayout, CountsTheBlocksOfDdpmTorchAsTheyAreBuilt) {
  for (const int64_t blocks : {1, 2, 3}) {
    for (const auto& attended : std::vector<std::set<int64_t>>{{}, {0}, {1}, {2}, {0, 1, 2}}) {
      SCOPED_TRACE(concat(blocks, " blocks, ", attended.size(), " attended"));
      const ToyNetwork toy =
          toy_ddpm_torch({.multipliers = {1, 2, 2}, .blocks = blocks, .attended = attended});
      expect_layers(toy, read(toy.shapes, SourceSystem::kDdpmTorch, {.image_size = 16}));
    }
  }
}

TEST(SourceLayout, ANetworkOfOneLevelHasNothingToResample) {
  const ToyOptions options{.multipliers = {1}, .blocks = 2, .attended = {}};
  const ToyNetwork openai = toy_openai(options);
  expect_layers(openai, read(openai.shapes, SourceSystem::kImprovedDiffusion, {.image_size = 16}));
  const ToyNetwork torch = toy_ddpm_torch(options);
  expect_layers(torch, read(torch.shapes, SourceSystem::kDdpmTorch, {.image_size = 16}));
}

TEST(SourceLayout, TheSetUnderAnyPrefixIsFoundAndAnAverageIsPreferred) {
  const ToyNetwork toy = toy_ddpm_torch();
  Shapes file;
  for (const auto& [name, shape] : toy.shapes) {
    file["model.module." + name] = shape;
    file["ema.shadow.module." + name] = shape;
  }
  file["optimizer.state"] = {1};
  const auto found = read_state_dictionary(file, SourceSystem::kDdpmTorch, "file");
  EXPECT_EQ(found.prefix, "ema.shadow.module.");
  EXPECT_EQ(found.shapes, toy.shapes);
  EXPECT_EQ(found.outside, std::ssize(toy.shapes) + 1);

  Shapes two;
  for (const auto& [name, shape] : toy.shapes) two["a." + name] = two["b." + name] = shape;
  EXPECT_NE(error_of(two, SourceSystem::kDdpmTorch).find("2 sets of weights"), std::string::npos);
}

TEST(SourceLayout, ADifferentStructureIsRefusedWithItsReason) {
  struct Case {
    const char* message;
    std::function<void(Shapes& shapes)> change;
  };
  const Case cases[] = {
      {"super-resolution",
       [](Shapes& s) {
         s["input_blocks.0.0.weight"] = {32, 6, 3, 3};
       }},
      {"1 to 4 input channels",
       [](Shapes& s) {
         s["input_blocks.0.0.weight"] = {32, 5, 3, 3};
       }},
      {"classifier",
       [](Shapes& s) {
         std::erase_if(s, [](const auto& one) { return one.first.starts_with("output_blocks"); });
       }},
      {"as many of both",
       [](Shapes& s) {
         s["time_embed.0.weight"] = {256, 64};
       }},
      {"resamples without weights",
       [](Shapes& s) {
         for (const char* kind : {"weight", "bias"}) {
           s.erase(concat("input_blocks.2.0.op.", kind));
           s.erase(concat("output_blocks.1.2.conv.", kind));
         }
       }},
      {"no middle_block.1.qkv.bias", [](Shapes& s) { s.erase("middle_block.1.qkv.bias"); }},
      {"\"encoder_kv.weight\" left over", [](Shapes& s) { s["encoder_kv.weight"] = {3}; }},
      {"out.0.weight wanted [32], got [64]", [](Shapes& s) { s["out.0.weight"] = {64}; }},
      {"out.2.weight wanted 4 extents, got [6]", [](Shapes& s) { s["out.2.weight"] = {6}; }},
      {"middle_block.1.qkv.weight wanted [192, 64], got [192, 64, 2]",
       [](Shapes& s) {
         s["middle_block.1.qkv.weight"] = {192, 64, 2};
       }},
  };
  for (const Case& one : cases) {
    Shapes shapes = toy_openai().shapes;
    one.change(shapes);
    const std::string error = error_of(shapes, SourceSystem::kImprovedDiffusion);
    EXPECT_NE(error.find(one.message), std::string::npos) << error;
  }
}

TEST(SourceLayout, DdpmTorchsOtherNetworksAreRefusedWithTheirReason) {
  Shapes shuffled = toy_ddpm_torch().shapes;
  shuffled["in_conv.weight"] = {32, 12, 3, 3};
  EXPECT_NE(error_of(shuffled, SourceSystem::kDdpmTorch).find("block_size"), std::string::npos);
  Shapes learned = toy_ddpm_torch().shapes;
  learned["out_conv.2.weight"] = {6, 32, 3, 3};
  EXPECT_NE(error_of(learned, SourceSystem::kDdpmTorch).find("variance"), std::string::npos);
}

TEST(SourceLayout, LucidrainsNetworkIsRefusedByItsFirstDifference) {
  const std::string error = error_of(golden("lucidrains-dim64.txt"), SourceSystem::kLucidrains);
  EXPECT_NE(error.find("init_conv is 7x7 where conv_in is 3x3"), std::string::npos) << error;
}

TEST(SourceLayout, NamesOfAnotherSystemAreKnownByTheirOwner) {
  const Shapes torch = toy_ddpm_torch().shapes;
  const Shapes openai = toy_openai().shapes;
  EXPECT_THROW(read(torch, SourceSystem::kGuidedDiffusion), InvalidArgument);
  EXPECT_NE(error_of(torch, SourceSystem::kImprovedDiffusion).find("--from ddpm-torch"),
            std::string::npos);
  EXPECT_NE(error_of(openai, SourceSystem::kDdpmTorch).find("--from openai-guided"),
            std::string::npos);
  EXPECT_NE(error_of(golden("lucidrains-dim64.txt"), SourceSystem::kDdpmTorch).find("lucidrains"),
            std::string::npos);
  EXPECT_NE(error_of({{"conv_in.weight", {}}, {"time_embedding.linear_1.weight", {}}},
                     SourceSystem::kDdpmTorch)
                .find("need no conversion"),
            std::string::npos);
  EXPECT_NE(error_of({{"model.map_layer0.weight", {}}, {"model.map_layer1.weight", {}}},
                     SourceSystem::kDdpmTorch)
                .find("EDM"),
            std::string::npos);
  EXPECT_NE(error_of({}, SourceSystem::kDdpmTorch).find("not a state dictionary of ddpm-torch"),
            std::string::npos);
}

TEST(SourceLayout, AtMostTenDifferencesAreTold) {
  Shapes shapes = toy_openai().shapes;
  for (int i = 0; i < 30; ++i) shapes[concat("more.", i)] = {1};
  const std::string error = error_of(shapes, SourceSystem::kImprovedDiffusion);
  EXPECT_NE(error.find("30 differences"), std::string::npos) << error;
  EXPECT_EQ(split(error, ';').size(), 11U) << error;
}

TEST(SourceLayout, ResamplingInBlocksIsGuidedDiffusionsAlone) {
  const Shapes shapes = toy_openai({.in_block = true}).shapes;
  EXPECT_NE(error_of(shapes, SourceSystem::kImprovedDiffusion).find("--from openai-guided"),
            std::string::npos);
  EXPECT_EQ(error_of(shapes, SourceSystem::kGuidedDiffusion), "");
}

}  // namespace
}  // namespace ddpm
