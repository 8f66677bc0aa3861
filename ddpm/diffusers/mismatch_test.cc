#include "ddpm/diffusers/mismatch.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusers/attention_names.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

UNetConfig small() {
  return {
      .image_channels = 3,
      .height = 8,
      .width = 8,
      .levels = {{.channels = 8}, {.channels = 16, .attention_down = true, .attention_up = true}},
      .blocks_per_level = 2,
      .norm_groups = 4};
}

ShapesByName shapes_of(const UNetConfig& unet) {
  ShapesByName shapes;
  for (const NamedShape& one : unet_parameters(unet)) shapes[one.name] = one.shape;
  return shapes;
}

std::string report(const ShapesByName& got) {
  return mismatch_report(unet_parameters(small()), got);
}

void expect_within(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

TEST(Mismatch, TheSameTensorsAreNoMismatch) { EXPECT_EQ(report(shapes_of(small())), ""); }

TEST(Mismatch, EachKindIsCountedAndNamed) {
  ShapesByName got = shapes_of(small());
  got.erase("conv_in.bias");
  got["extra"] = {2, 3};
  got["conv_norm_out.bias"] = {9};
  const std::string message = report(got);
  expect_within(message, concat("not the ", unet_parameters(small()).size(),
                                " tensors of this network: "
                                "1 missing, 1 left over, 1 of another shape"));
  expect_within(message,
                "no conv_in.bias; extra left over; conv_norm_out.bias wanted [8], got [9]");
  EXPECT_EQ(message.find(".."), std::string::npos) << message;
}

TEST(Mismatch, AtMostTenAreToldOfAllKinds) {
  ShapesByName got = shapes_of(small());
  for (int i = 0; i < 40; ++i) got[concat("extra.", i)] = {1};
  got.erase("conv_out.weight");
  const std::string message = report(got);
  expect_within(message, "1 missing, 40 left over");
  expect_within(message, "no conv_out.weight");
  size_t told = 0;
  for (size_t at = message.find("extra."); at != std::string::npos;
       at = message.find("extra.", at + 1)) {
    ++told;
  }
  EXPECT_EQ(told, 9U);
  EXPECT_EQ(message.substr(message.size() - 4), "; ..");
}

TEST(Mismatch, AHostileNameStaysOnOneLine) {
  ShapesByName got = shapes_of(small());
  got["a\nb" + std::string(5000, 'x')] = {1};
  const std::string message = report(got);
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_LT(message.size(), 400U);
}

// What a person did wrong, and what is said of it.
TEST(Mismatch, TheLikelyCauseIsNamed) {
  struct Mistake {
    const char* message;
    ShapesByName got;
  };
  std::vector<Mistake> mistakes;
  const auto of_config = [&](const char* message, const std::function<void(UNetConfig&)>& change) {
    UNetConfig unet = small();
    change(unet);
    mistakes.push_back({message, shapes_of(unet)});
  };
  const auto of_names = [&](const char* message,
                            const std::function<std::string(const std::string&)>& rename) {
    ShapesByName got;
    for (const auto& [name, shape] : shapes_of(small())) got[rename(name)] = shape;
    mistakes.push_back({message, got});
  };
  of_config("wider by a factor of 2 than block_out_channels", [](UNetConfig& unet) {
    for (UNetLevel& level : unet.levels) level.channels *= 2;
  });
  of_config("narrower by a factor of 2 than block_out_channels", [](UNetConfig& unet) {
    for (UNetLevel& level : unet.levels) level.channels /= 2;
  });
  of_config("conv_in has 12 channels, block_out_channels say 8", [](UNetConfig& unet) {
    for (UNetLevel& level : unet.levels) level.channels += 4;
  });
  of_config("config.json says 2 blocks a level, the file has 3",
            [](UNetConfig& unet) { unet.blocks_per_level = 3; });
  of_config("config.json says 2 levels, the file has 3",
            [](UNetConfig& unet) { unet.levels.push_back({.channels = 16}); });
  of_config("attention at some levels is only in config.json", [](UNetConfig& unet) {
    unet.levels[1].attention_down = unet.levels[1].attention_up = false;
  });
  of_config("a network for images of 1 channels, in_channels say 3",
            [](UNetConfig& unet) { unet.image_channels = 1; });
  of_config("a network of 6 output channels, out_channels say 3",
            [](UNetConfig& unet) { unet.learned_variance = true; });
  of_config("resnet_time_scale_shift is another", [](UNetConfig& unet) {
    unet.scale_shift = true;
    unet.middle_attention_groups = 4;
  });
  of_names("all names begin with module.",
           [](const std::string& name) { return "module." + name; });
  of_names("the attention's names are of another layout", old_attention_name);
  ShapesByName transposed = shapes_of(small());
  for (auto& [name, shape] : transposed) {
    if (shape.size() == 2) std::swap(shape[0], shape[1]);
  }
  mistakes.push_back({"transposed", transposed});
  ShapesByName convolved = shapes_of(small());
  for (auto& [name, shape] : convolved) {
    if (name.find(".to_") != std::string::npos && shape.size() == 2)
      shape.insert(shape.end(), 2, 1);
  }
  mistakes.push_back({"convolutions of one pixel in place of matrices", convolved});
  mistakes.push_back({"improved-diffusion", {{"input_blocks.0.0.weight", {8, 3, 3, 3}}}});
  mistakes.push_back({"lucidrains", {{"init_conv.weight", {8, 3, 7, 7}}}});
  mistakes.push_back({"ddpm-torch", {{"downsamples.level_0.0.conv1.weight", {8, 3, 3, 3}}}});
  mistakes.push_back({"the paper's own", {{"temb.dense.0.weight", {8, 3}}}});
  for (const Mistake& mistake : mistakes) {
    expect_within(report(mistake.got), concat("; perhaps "));
    expect_within(report(mistake.got), mistake.message);
  }
}

TEST(Mismatch, WithoutACauseNoneIsClaimed) {
  ShapesByName got = shapes_of(small());
  got.erase("conv_in.bias");
  EXPECT_EQ(report(got).find("perhaps"), std::string::npos) << report(got);
}

}  // namespace
}  // namespace ddpm
