#include "ddpm/convert/convert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/faulty_files.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_networks.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Convert : public testing::Test {
 protected:
  fs::path write(const Shapes& shapes, const ToyTensors& tensors,
                 const std::string& prefix = "") const {
    return folder_.write("weights.safetensors", toy_file(shapes, tensors, prefix));
  }

  // The numbers of one of our parameters.
  static std::vector<float> values_of(const ConvertedModel& converted, const std::string& name) {
    const auto parameters = unet_parameters(converted.model.unet);
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].name == name) return converted.values[i];
    }
    ADD_FAILURE() << "no " << name;
    return {};
  }

  const TemporaryFolder folder_;
};

constexpr auto kImproved = SourceSystem::kImprovedDiffusion;

TEST_F(Convert, EachNumberIsThatOfItsLayer) {
  const ToyNetwork toy = toy_openai();
  const ToyTensors tensors = toy_tensors(toy.shapes);
  const ConvertedModel converted =
      convert_weights(write(toy.shapes, tensors), kImproved, {.image_size = 16});
  const std::string qkv = "middle_block.1.qkv.bias";
  for (const NamedShape& parameter : unet_parameters(converted.model.unet)) {
    const size_t dot = parameter.name.rfind('.');
    const std::string theirs =
        toy.theirs.at(parameter.name.substr(0, dot)) + parameter.name.substr(dot);
    if (theirs.find("qkv") != std::string::npos) continue;
    EXPECT_EQ(values_of(converted, parameter.name), tensors.at(theirs)) << theirs;
  }
  // 4 heads of 16: of each head 16 queries, 16 keys, 16 values
  const std::vector<float> keys = values_of(converted, "mid_block.attentions.0.to_k.bias");
  for (size_t c = 0; c < keys.size(); ++c) {
    EXPECT_EQ(keys[c], tensors.at(qkv)[48 * (c / 16) + 16 + c % 16]);
  }
}

TEST_F(Convert, TheNewAttentionOrderCutsThirds) {
  const ToyNetwork toy = toy_openai();
  const ToyTensors tensors = toy_tensors(toy.shapes);
  const ConvertedModel converted = convert_weights(
      write(toy.shapes, tensors), SourceSystem::kGuidedDiffusion,
      {.image_size = 16, .head_channels = 16, .attention_order = QkvOrder::kPartsFirst});
  const std::vector<float>& all = tensors.at("middle_block.1.qkv.weight");
  const auto third = std::ssize(all) / 3;
  EXPECT_EQ(values_of(converted, "mid_block.attentions.0.to_v.weight"),
            std::vector<float>(all.begin() + 2 * third, all.end()));
}

TEST_F(Convert, DdpmTorchsAverageIsTakenAndCutInThirds) {
  const ToyNetwork toy = toy_ddpm_torch();
  const ToyTensors tensors = toy_tensors(toy.shapes);
  const ConvertedModel converted = convert_weights(write(toy.shapes, tensors, "ema.shadow."),
                                                   SourceSystem::kDdpmTorch, {.image_size = 16});
  EXPECT_EQ(converted.prefix, "ema.shadow.");
  const std::vector<float>& all = tensors.at("middle.1.project_in.bias");
  EXPECT_EQ(values_of(converted, "mid_block.attentions.0.to_q.bias"),
            std::vector<float>(all.begin(), all.begin() + 64));
  EXPECT_EQ(values_of(converted, "up_blocks.0.upsamplers.0.conv.weight"),
            tensors.at("upsamples.level_1.2.1.weight"));
}

TEST_F(Convert, WhatIsWrittenIsReadAsTheSameModel) {
  const ToyNetwork toy = toy_openai({.learned = false, .in_block = true, .classes = 3});
  const ConvertedModel converted =
      convert_weights(write(toy.shapes, toy_tensors(toy.shapes)), SourceSystem::kGuidedDiffusion,
                      {.image_size = 16, .rescale_timesteps = true, .T = 50});
  EXPECT_EQ(converted.model.unet.learned_times, 50);
  write_converted(folder_ / "made", converted);
  const ModelConfig read = read_model_config(folder_ / "made");
  EXPECT_EQ(unet_config_to_json(read.unet), unet_config_to_json(converted.model.unet));
  EXPECT_EQ(read.schedule, converted.model.schedule);
  EXPECT_EQ(read.prediction, converted.model.prediction);
  EXPECT_EQ(read.variance, converted.model.variance);
  EXPECT_EQ(read_parameters(folder_ / "made" / kDiffusersWeightsName, read.unet), converted.values);
}

TEST_F(Convert, ANumberThatIsNotFiniteIsRefusedByName) {
  const ToyNetwork toy = toy_openai();
  ToyTensors tensors = toy_tensors(toy.shapes);
  tensors.at("output_blocks.1.1.norm.bias")[3] = std::numeric_limits<float>::quiet_NaN();
  const fs::path path = write(toy.shapes, tensors);
  expect_contains(
      complaint<NotFinite>([&] { convert_weights(path, kImproved, {.image_size = 16}); }),
      "output_blocks.1.1.norm.bias");
}

TEST_F(Convert, TheFolderAppearsWholeOrNotAtAll) {
  const ToyNetwork toy = toy_ddpm_torch({.multipliers = {1}, .attended = {}});
  const ConvertedModel converted = convert_weights(write(toy.shapes, toy_tensors(toy.shapes)),
                                                   SourceSystem::kDdpmTorch, {.image_size = 16});
  for (int64_t cut = 0;; ++cut) {
    const fs::path out = folder_ / concat("cut", cut) / "made";
    fs::create_directories(out.parent_path());
    FaultyFiles files(folder_ / "attic", cut);
    try {
      write_converted(out, converted, files);
      EXPECT_GT(cut, 8);  // four files, two folders, all synced
      break;
    } catch (const FaultyFiles::Cut&) {
      files.lose(FaultyFiles::Loss::kNames);
    }
    if (!fs::exists(out)) continue;
    EXPECT_EQ(read_parameters(out / kDiffusersWeightsName, read_model_config(out).unet),
              converted.values);
  }
}

}  // namespace
}  // namespace ddpm
