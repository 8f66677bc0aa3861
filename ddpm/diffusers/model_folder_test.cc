#include "ddpm/diffusers/model_folder.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/diffusers_folder.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_unet.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

std::map<std::string, std::string> toy_texts() {
  return diffusers_texts({.unet = toy_unet(), .schedule = {.T = 250}});
}

// The toy's three files at these places, "" for nowhere.
void write_toy(const fs::path& folder, const std::string& index, const std::string& network,
               const std::string& scheduler) {
  const auto texts = toy_texts();
  if (!index.empty()) write_text(folder / index, texts.at("model_index.json"));
  if (!network.empty()) write_text(folder / network, texts.at("unet/config.json"));
  if (!scheduler.empty()) {
    write_text(folder / scheduler, texts.at("scheduler/scheduler_config.json"));
  }
}

TEST(ModelFolder, EveryLayoutIsFound) {
  struct Layout {
    FolderKind kind;
    const char* index;
    const char* network;
    const char* scheduler;
  };
  const Layout layouts[] = {
      {FolderKind::kPipeline, "model_index.json", "unet/config.json",
       "scheduler/scheduler_config.json"},
      {FolderKind::kPipeline, "model_index.json", "config.json", "scheduler_config.json"},
      {FolderKind::kPipeline, "model_index.json", "unet/config.json", "scheduler_config.json"},
      {FolderKind::kTraining, "", "unet/config.json", "scheduler/scheduler_config.json"},
      {FolderKind::kTraining, "", "unet/config.json", ""},
      {FolderKind::kTraining, "", "unet_ema/config.json", ""},
      {FolderKind::kNetwork, "", "config.json", "scheduler_config.json"},
      {FolderKind::kNetwork, "", "config.json", ""},
  };
  for (const Layout& layout : layouts) {
    SCOPED_TRACE(concat(layout.index, " ", layout.network, " ", layout.scheduler));
    const TemporaryFolder scratch;
    const fs::path& root = scratch.path();
    EXPECT_FALSE(is_model_folder(root));
    write_toy(root, layout.index, layout.network, layout.scheduler);
    EXPECT_TRUE(is_model_folder(root));
    const ModelFolder found = find_model_folder(root);
    EXPECT_EQ(found.kind, layout.kind);
    EXPECT_EQ(found.network, (root / layout.network).parent_path());
    const bool has_scheduler = *layout.scheduler != '\0';
    EXPECT_EQ(found.scheduler, has_scheduler ? root / layout.scheduler : fs::path());
    const ModelConfig config = read_model_config(root);
    EXPECT_EQ(config.unet, toy_unet());
    EXPECT_EQ(config.schedule.T, has_scheduler ? 250 : 1000);
  }
}

// What diffusers' DDPMScheduler() is.
TEST(ModelFolder, WithoutASchedulerTheProcessIsDiffusersDefault) {
  const TemporaryFolder scratch;
  write_toy(scratch.path(), "", "config.json", "");
  const ModelConfig config = read_model_config(scratch.path());
  EXPECT_EQ(config.schedule.kind, ScheduleKind::kLinear);
  EXPECT_EQ(config.schedule.T, 1000);
  EXPECT_EQ(config.schedule.beta_1, 0.0001);
  EXPECT_EQ(config.schedule.beta_T, 0.02);
  EXPECT_EQ(config.prediction, Prediction::kEps);
  EXPECT_EQ(config.variance, Variance::kFixedSmall);
}

TEST(ModelFolder, APipelineWithoutItsSchedulerIsRefused) {
  const TemporaryFolder scratch;
  write_toy(scratch.path(), "model_index.json", "unet/config.json", "");
  expect_contains(complaint<IoError>([&] { read_model_config(scratch.path()); }),
                  "scheduler_config.json");
}

TEST(ModelFolder, ATrainingFolderGivesAveragedOrRawWeights) {
  const TemporaryFolder scratch;
  const fs::path& root = scratch.path();
  write_toy(root, "", "unet/config.json", "");
  EXPECT_EQ(find_model_folder(root, true).network, root / "unet");  // nothing else is there
  write_toy(root, "", "unet_ema/config.json", "");
  EXPECT_EQ(find_model_folder(root, true).network, root / "unet_ema");
  EXPECT_EQ(find_model_folder(root, false).network, root / "unet");
  fs::remove_all(root / "unet");
  expect_contains(complaint<InvalidArgument>([&] { find_model_folder(root, false); }),
                  "has only averaged weights");
}

// The trainer's average is described by keys of its own in the network's file.
TEST(ModelFolder, TheKeysOfAnAverageAreReadOver) {
  const TemporaryFolder scratch;
  Json json = parse_json(toy_texts().at("unet/config.json"), "toy");
  json.update({{"decay", 0.9999},
               {"min_decay", 0.0},
               {"optimization_step", 500},
               {"update_after_step", 0},
               {"use_ema_warmup", true},
               {"inv_gamma", 1.0},
               {"power", 0.75}});
  write_text(scratch.path() / "config.json", json_text(json));
  EXPECT_EQ(read_model_config(scratch.path()).unet, toy_unet());
}

TEST(ModelFolder, RawWeightsOfAFolderWithOneSetAreRefused) {
  const TemporaryFolder scratch;
  write_toy(scratch.path(), "", "config.json", "");
  const ModelFolder model = find_model_folder(scratch.path());
  expect_contains(
      complaint<InvalidArgument>([&] { find_weights(model, {.ema = false, .variant = ""}); }),
      "has one set of weights");
}

TEST(ModelFolder, DefaultsThatWereFilledInAreNamed) {
  const TemporaryFolder scratch;
  Json json = parse_json(toy_texts().at("unet/config.json"), "toy");
  write_text(scratch.path() / "config.json", json_text(json));
  EXPECT_TRUE(defaults_of_network(find_model_folder(scratch.path())).empty());
  json.erase("attention_head_dim");
  json.erase("upsample_type");
  write_text(scratch.path() / "config.json", json_text(json));
  const std::vector<std::string> wanted = {"attention_head_dim = 8", "upsample_type = \"conv\""};
  EXPECT_EQ(defaults_of_network(find_model_folder(scratch.path())), wanted);
}

TEST(ModelFolder, ANetworkAloneOfTwiceTheOutputsSaysAVarianceBetweenTheTwo) {
  const TemporaryFolder scratch;
  UNetConfig unet = toy_unet();
  write_text(scratch.path() / "config.json", json_text(unet_config_to_json(unet)));
  EXPECT_EQ(read_model_config(scratch.path()).variance, Variance::kFixedSmall);
  unet.learned_variance = true;
  write_text(scratch.path() / "config.json", json_text(unet_config_to_json(unet)));
  EXPECT_EQ(read_model_config(scratch.path()).variance, Variance::kLearnedRange);
}

TEST(ModelFolder, TheSchedulersClassIsThatOfTheIndex) {
  const TemporaryFolder scratch;
  write_toy(scratch.path(), "model_index.json", "config.json", "scheduler_config.json");
  write_text(scratch.path() / "model_index.json",
             R"({"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"],
                 "scheduler": ["diffusers", "DDIMScheduler"]})");
  expect_contains(
      complaint<FormatError>([&] { read_model_config(scratch.path()); }),
      "_class_name: expected DDIMScheduler, as model_index.json says, got \"DDPMScheduler\"");
}

std::string index_with(const std::string& pipeline, const std::string& rest) {
  return R"({"_class_name": ")" + pipeline + R"(", "_diffusers_version": "0.42.1", )" + rest + "}";
}

TEST(ModelIndex, ThreePipelinesAreRead) {
  const std::string parts =
      R"("unet": ["diffusers", "UNet2DModel"], "scheduler": ["diffusers", "PNDMScheduler"],
         "vqvae": null)";
  for (const char* name : {"DDPMPipeline", "DDIMPipeline", "PNDMPipeline"}) {
    const ModelIndex index = parse_model_index(index_with(name, parts), "index");
    EXPECT_EQ(index.pipeline, name);
    EXPECT_EQ(index.scheduler, "PNDMScheduler");
  }
}

TEST(ModelIndex, WhatIsNoDdpmIsRefusedByName) {
  const std::string unet = R"("unet": ["diffusers", "UNet2DModel"])";
  const std::string scheduler = R"("scheduler": ["diffusers", "DDPMScheduler"])";
  const std::string both = unet + ", " + scheduler;
  const std::map<std::string, std::string> message = {
      {index_with("LDMPipeline", both), "PNDMPipeline, got \"LDMPipeline\""},
      {index_with("DDPMPipeline", both + R"(, "vqvae": ["diffusers", "VQModel"])"),
       "a component \"vqvae\""},
      {index_with("DDPMPipeline", both + R"(, "safety": true)"), "a component \"safety\""},
      {index_with("DDPMPipeline", scheduler), "unet: wanted"},
      {index_with("DDPMPipeline", R"("unet": null, )" + scheduler), "unet: wanted"},
      {index_with("DDPMPipeline", R"("unet": ["diffusers", "UNet2DConditionModel"], )" + scheduler),
       "unet: wanted UNet2DModel, got \"UNet2DConditionModel\""},
      {"[]", "got []"},
      {"{}", "got null"},
      {R"({"_class_name": ["a", "b"]})", "got [\"a\",\"b\"]"},
      {"", "index: "},
      {R"({"a": 1, "a": 2})", "index: "},
  };
  for (const auto& [text, part] : message) {
    const std::string error =
        complaint<FormatError>([&text = text] { parse_model_index(text, "index"); });
    EXPECT_EQ(error.rfind("index: ", 0), 0U) << text << ": " << error;
    expect_contains(error, part);
  }
}

// The bare network needs none: the error is kept for whoever reads the process.
TEST(ModelIndex, WithoutASchedulerOfDiffusersStillHasItsNetwork) {
  for (const char* scheduler : {"", R"(, "scheduler": null)", R"(, "scheduler": ["diffusers"])",
                                R"(, "scheduler": ["other", "DDPMScheduler"])",
                                R"(, "scheduler": ["diffusers", ""])", R"(, "scheduler": 7)"}) {
    const ModelIndex index =
        parse_model_index(index_with("DDPMPipeline", R"("unet": ["diffusers", "UNet2DModel"])" +
                                                         std::string(scheduler)),
                          "index");
    EXPECT_EQ(index.scheduler, "");
    EXPECT_EQ(index.scheduler_error.rfind("index: scheduler: ", 0), 0U) << index.scheduler_error;
  }
}

// The files that the fuzzer starts from: each is named after the rule that it breaks.
TEST(ModelIndex, KeptFilesAreRefusedAndTheWholeOneIsRead) {
  int files = 0;
  for (const auto& file :
       fs::directory_iterator(fs::path(DDPM_SOURCE_DIR) / "tests/hostile/formats/model_index")) {
    const std::string text = read_file(file.path(), 1 << 20);
    std::string message;
    const std::string refused =
        complaint<FormatError>([&] { message = parse_model_index(text, "index").scheduler_error; });
    message += refused;
    EXPECT_EQ(message.empty(), file.path().filename() == "whole") << file.path() << message;
    ++files;
  }
  EXPECT_GE(files, 5);
}

}  // namespace
}  // namespace ddpm
