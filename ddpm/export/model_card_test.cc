#include "ddpm/export/model_card.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/export/diffusers_folder.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_export.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string log_line(int64_t step, double loss) {
  Json line = {{"kind", "metrics"}, {"step", step}, {"loss", loss}};
  line["loss_by_t"] = {loss, nullptr, loss, loss, loss, loss, loss, loss, loss, 0.75};
  return line.dump() + "\n";
}

// The card of the toy run, whose log goes on behind the checkpoint.
std::string card_of_run(const DiffusersExport& request) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "run/checkpoints");
  ToyExport().write(folder / "run/checkpoints/00000030");
  write_file_whole(folder / "run/metrics.jsonl",
                   log_line(20, 0.5) + log_line(30, 0.25) + log_line(40, 0.125));
  export_to_diffusers(folder / "run/checkpoints/00000030", folder / "toys", request);
  return read_file(folder / "toys/README.md", 1 << 20);
}

TEST(ModelCard, SaysWhatTheRunKnows) {
  DiffusersExport request;
  request.license = "mit";
  request.command = "ddpm export --so --on";
  const std::string card = card_of_run(request);
  for (const char* part : {"library_name: diffusers\nlicense: mit\n",
                           "- unconditional-image-generation\n- ddpm\n",
                           "# toys\n",
                           "images of 8x8 with 1 channel",
                           "| `toys`, 60 images |",
                           "| `f00d` |",
                           "| 30 of 800,000, 128 images each |",
                           "| 3,840, 64.0 epochs |",
                           "| 11 |",
                           "decay 0.9999, rule warmup, 29 updates",
                           "linear, T = 20, beta from 1e-04 to 0.02",
                           "their moving average in training (EMA)",
                           "| fp32 |",
                           "Of step 30,",
                           "| loss | 0.2500 |",
                           "with t in (18, 20] | 0.7500 |",
                           "DDPMPipeline.from_pretrained(\"toys\")",
                           "num_inference_steps=20",
                           "ddpm sample --checkpoint toys",
                           "ddpm export --so --on",
                           "ddpm train --data toys --image-size 8x8"}) {
    EXPECT_TRUE(has(card, part)) << part << " is not in\n" << card;
  }
  EXPECT_EQ(card.rfind("---\n", 0), 0U);
  EXPECT_FALSE(has(card, "in (2, 4]"));  // of which the line has nothing
  EXPECT_FALSE(has(card, "somebody"));   // where the data lay
  EXPECT_FALSE(has(card, "0.1250"));     // what came later
}

TEST(ModelCard, OfNarrowNumbersSaysHowTheyAreKeptNarrow) {
  EXPECT_TRUE(has(card_of_run({.dtype = DType::kF16}), "torch_dtype=torch.float16"));
  EXPECT_TRUE(has(card_of_run({.dtype = DType::kBF16}), "torch_dtype=torch.bfloat16"));
}

TEST(ModelCard, OfTheOldFormSaysHowTheWeightsBecomeATorchFile) {
  const std::string card = card_of_run({.form = DiffusersForm::kRelease024});
  EXPECT_TRUE(has(card, "0.2.4"));
  EXPECT_TRUE(has(card, "torch.save(weights, \"unet/diffusion_pytorch_model.bin\")"));
  EXPECT_FALSE(has(card_of_run({}), "torch.save"));
}

TEST(ModelCard, OfAFolderWithoutItsTrainingSaysOnlyWhatIsKnown) {
  CardFacts facts;
  facts.name = "toys";
  facts.model.unet = export_unet();
  facts.origin.dtype = "fp32";
  const std::string card = model_card(facts);
  for (const char* part :
       {"license", "## Training", "log's last line", "EMA", "| step |", "| seed"}) {
    EXPECT_FALSE(has(card, part)) << part << " is in\n" << card;
  }
  EXPECT_TRUE(has(card, "UNet2DModel, 2 levels"));
}

// Read back flag by flag, it is the configuration.
TEST(ModelCard, TheTrainingCommandGivesTheConfigurationBack) {
  TrainConfig config = toy_config();
  config.flip = false;
  config.schedule = ScheduleKind::kCosine;
  config.prediction = Prediction::kV;
  config.loss_weight.kind = LossWeight::kMinSnr;
  config.learning_rate = 1e-3;
  config.ema_rule = EmaRule::kConstant;
  config.zero_terminal_snr = true;
  std::vector<std::string> words = split(training_command(config), ' ');
  ASSERT_EQ(words.at(0) + " " + words.at(1), "ddpm train");
  ASSERT_EQ(words.at(words.size() - 2) + " " + words.back(), "--out RUN");
  TrainConfig again;
  for (size_t i = 2; i + 2 < words.size(); ++i) {
    const bool off = words[i].rfind("--no-", 0) == 0;
    std::string key = words[i].substr(off ? 5 : 2);
    std::replace(key.begin(), key.end(), '-', '_');
    const ConfigField& field = train_config_field(key);
    field.set_text(again, field.is_switch ? (off ? "false" : "true") : words[++i]);
  }
  config.data = "toys";
  EXPECT_EQ(again, config);
}

TEST(ModelCard, WhatOnlyTheMachineIsToldIsNotInTheTrainingCommand) {
  TrainConfig config = toy_config();
  const std::string before = training_command(config);
  config.threads = 3;
  config.keep_last = 1;
  config.time_limit = 60;
  EXPECT_EQ(training_command(config), before);
}

TEST(ModelCard, ALongListOfBetasStandsInItsOwnFile) {
  TrainConfig config = toy_config();
  config.schedule = ScheduleKind::kList;
  config.betas = std::vector<double>(20, 0.125);
  EXPECT_TRUE(has(training_command(config), "--betas betas.txt"));
}

}  // namespace
}  // namespace ddpm
