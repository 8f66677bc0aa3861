#include "ddpm/diffusers/model_files.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/diffusers/scheduler_config.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/hasty_files.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_unet.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScheduler = "scheduler/scheduler_config.json";

ModelConfig toy_model() {
  return {.unet = toy_unet(), .schedule = {.T = 250, .beta_1 = 2e-4, .beta_T = 0.03}};
}

void write_texts(const fs::path& folder, const std::map<std::string, std::string>& texts) {
  for (const auto& [name, text] : texts) {
    hasty_files().make_folder((folder / name).parent_path());
    hasty_files().write(folder / name, as_bytes(text));
  }
}

void expect_same(const ModelConfig& a, const ModelConfig& b) {
  EXPECT_EQ(a.unet, b.unet);
  EXPECT_EQ(a.schedule.kind, b.schedule.kind);
  EXPECT_EQ(a.schedule.T, b.schedule.T);
  EXPECT_EQ(a.schedule.beta_1, b.schedule.beta_1);
  EXPECT_EQ(a.schedule.beta_T, b.schedule.beta_T);
  EXPECT_EQ(a.prediction, b.prediction);
  EXPECT_EQ(a.variance, b.variance);
}

// The toy's files with one key of the scheduler set to another value, or left out if it is
// discarded.
std::string complaint_about(const fs::path& folder, const std::string& key, const Json& value) {
  auto texts = diffusers_texts(toy_model());
  Json json = parse_json(texts.at(kScheduler), "test");
  if (value.is_discarded()) {
    json.erase(key);
  } else {
    json[key] = value;
  }
  texts[kScheduler] = json_text(json);
  write_texts(folder, texts);
  return complaint<FormatError>([&] { read_model_config(folder); });
}

TEST(Diffusers, EveryKindOfModelComesBack) {
  const TemporaryFolder scratch;
  for (const ScheduleKind schedule : {ScheduleKind::kLinear, ScheduleKind::kCosine}) {
    for (const Prediction prediction : {Prediction::kEps, Prediction::kV}) {
      for (const Variance variance : {Variance::kFixedLarge, Variance::kFixedSmall,
                                      Variance::kLearned, Variance::kLearnedRange}) {
        ModelConfig model = {.unet = toy_unet(), .prediction = prediction, .variance = variance};
        model.schedule = {.kind = schedule, .T = 321, .beta_T = 0.1 + 0.2};  // all 17 digits
        model.unet.learned_variance = is_learned(variance);
        write_texts(scratch.path(), diffusers_texts(model));
        expect_same(read_model_config(scratch.path()), model);
      }
    }
  }
}

// What diffusers reads out of these words, by its documentation.
TEST(Diffusers, ItsWordsAreUsed) {
  const auto scheduler = [](const ModelConfig& model) {
    return parse_json(diffusers_texts(model).at(kScheduler), "test");
  };
  const Json paper = scheduler({.unet = toy_unet()});
  EXPECT_EQ(paper["_class_name"], "DDPMScheduler");
  EXPECT_EQ(paper["num_train_timesteps"], 1000);
  EXPECT_EQ(paper["beta_schedule"], "linear");
  EXPECT_EQ(paper["beta_start"], 0.0001);
  EXPECT_EQ(paper["beta_end"], 0.02);
  EXPECT_EQ(paper["prediction_type"], "epsilon");
  EXPECT_EQ(paper["variance_type"], "fixed_large");
  EXPECT_EQ(paper["clip_sample"], true);
  EXPECT_EQ(paper["timestep_spacing"], "trailing");
  EXPECT_TRUE(paper["trained_betas"].is_null());
  EXPECT_EQ(paper.size(), 17u);  // the fifteen fields, class and version
  const Json small = scheduler({.unet = toy_unet(),
                                .schedule = {.kind = ScheduleKind::kCosine},
                                .prediction = Prediction::kV,
                                .variance = Variance::kFixedSmall});
  EXPECT_EQ(small["variance_type"], "fixed_small");
  EXPECT_EQ(small["beta_schedule"], "squaredcos_cap_v2");
  EXPECT_EQ(small["prediction_type"], "v_prediction");

  const auto texts = diffusers_texts(toy_model());
  const Json index = parse_json(texts.at("model_index.json"), "test");
  EXPECT_EQ(index["_class_name"], "DDPMPipeline");
  EXPECT_EQ(index["unet"], Json({"diffusers", "UNet2DModel"}));
  EXPECT_EQ(index["scheduler"], Json({"diffusers", "DDPMScheduler"}));
}

// The file of google/ddpm-cifar10-32 has nine keys; today's diffusers adds the rest from its
// defaults.
TEST(Diffusers, MissingKeysHaveDiffusersDefaults) {
  const TemporaryFolder scratch;
  auto texts = diffusers_texts(toy_model());
  texts[kScheduler] = R"({"_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1",
    "beta_end": 0.02, "beta_schedule": "linear", "beta_start": 0.0001, "clip_sample": true,
    "num_train_timesteps": 1000, "trained_betas": null, "variance_type": "fixed_large"})";
  write_texts(scratch.path(), texts);
  expect_same(read_model_config(scratch.path()), {.unet = toy_unet()});
  EXPECT_EQ(complaint_about(scratch.path(), "variance_type", Json(Json::value_t::discarded)), "");
  EXPECT_EQ(read_model_config(scratch.path()).variance, Variance::kFixedSmall);
}

// Whatever the schedule, what is read from the files is the process that was written.
TEST(Diffusers, EverySchedulesBetasComeBack) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    for (const bool rescaled : {false, true}) {
      SCOPED_TRACE(to_string(kind) + (rescaled ? ", rescaled" : ""));
      ModelConfig model = {.unet = toy_unet(), .prediction = Prediction::kV};
      model.schedule = {.kind = kind, .T = 50, .zero_terminal_snr = rescaled};
      if (kind == ScheduleKind::kList) model.schedule.betas.assign(50, 0.125);
      const auto texts = diffusers_texts(model);
      const ModelConfig again = parse_scheduler(texts.at(kScheduler), "test");
      const Schedule wanted = make_schedule(model.schedule);
      const Schedule got = make_schedule(again.schedule);
      ASSERT_EQ(got.steps(), wanted.steps());
      for (int64_t t = 1; t <= 50; ++t) ASSERT_EQ(got.beta(t), wanted.beta(t)) << t;
    }
  }
}

TEST(Diffusers, EveryPredictionComesBack) {
  for (const Prediction prediction : all_predictions()) {
    const auto texts = diffusers_texts({.unet = toy_unet(), .prediction = prediction});
    EXPECT_EQ(parse_scheduler(texts.at(kScheduler), "test").prediction, prediction);
  }
}

TEST(Diffusers, EpsWithoutTerminalSignalIsRefused) {
  const TemporaryFolder scratch;
  const std::string message = complaint_about(scratch.path(), "rescale_betas_zero_snr", true);
  EXPECT_NE(message.find("prediction_type: at t = "), std::string::npos) << message;
  EXPECT_NE(message.find("predict v or x0"), std::string::npos) << message;
}

TEST(Diffusers, WhatCannotBeHonouredIsRefusedByName) {
  const TemporaryFolder scratch;
  const std::vector<std::pair<std::string, Json>> wrong = {
      {"_class_name", "UniPCMultistepScheduler"},
      {"beta_schedule", "exp"},
      {"trained_betas", {0.1, "0.2"}},
      {"trained_betas", 0.1},
      {"trained_betas", Json::array()},
      {"trained_betas", Json::object()},
      {"trained_betas", ""},
      {"trained_betas", false},
      {"trained_betas", {0.1}},
      {"trained_betas", std::vector<double>(251, 0.01)},
      {"trained_betas", std::vector<double>(250, 1.5)},
      {"trained_betas", std::vector<double>(250, -1e-9)},
      {"num_train_timesteps", uint64_t{18446744073709551615U}},
      {"variance_type", "learnt"},
      {"prediction_type", "flow"},
      {"clip_sample", 1},
      {"clip_sample_range", 0.0},
      {"thresholding", "yes"},
      {"sample_max_value", 0},
      {"dynamic_thresholding_ratio", 0.0},
      {"dynamic_thresholding_ratio", 1.5},
      {"steps_offset", -1},
      {"steps_offset", 251},
      {"rescale_betas_zero_snr", 1},
      {"timestep_spacing", "random"},
      {"num_train_timesteps", 1000.5},
      {"num_train_timesteps", 0},
      {"beta_start", "0.1"},
      {"beta_end", 1.5},
  };
  for (const auto& [key, value] : wrong) {
    const std::string message = complaint_about(scratch.path(), key, value);
    EXPECT_NE(message.find(kScheduler), std::string::npos) << key << ": '" << message << "'";
    const bool by_range = key.rfind("beta_e", 0) == 0 || value == 0;  // the schedule's own words
    EXPECT_TRUE(by_range || message.find(key + ": expected ") != std::string::npos) << message;
  }
  EXPECT_EQ(complaint_about(scratch.path(), "beta_end", 0.03), "");
  EXPECT_EQ(complaint_about(scratch.path(), "trained_betas", std::vector<double>(250, 0.01)), "");
  const std::string idle =
      complaint_about(scratch.path(), "trained_betas", std::vector<double>(250, 0.0));
  EXPECT_NE(idle.find("every beta is 0"), std::string::npos) << idle;
}

TEST(Diffusers, AVarianceThatTheNetworkDoesNotSayIsRefused) {
  const TemporaryFolder scratch;
  const std::string message = complaint_about(scratch.path(), "variance_type", "learned_range");
  EXPECT_NE(message.find("variance_type: learned_range does not go with a network of 1 input and 1 "
                         "output channels"),
            std::string::npos)
      << message;
}

TEST(Diffusers, AnUnknownKeyNamesTheNearestOne) {
  const TemporaryFolder scratch;
  const std::string message = complaint_about(scratch.path(), "clip_samples", true);
  EXPECT_NE(message.find("unknown key \"clip_samples\"; did you mean 'clip_sample'?"),
            std::string::npos)
      << message;
  EXPECT_EQ(complaint_about(scratch.path(), "_anything", 1), "");
}

TEST(Diffusers, AnotherPipelineIsRefused) {
  const TemporaryFolder scratch;
  auto texts = diffusers_texts(toy_model());
  for (const char* index : {R"({"_class_name": "LDMPipeline"})", "{}", "[]"}) {
    texts["model_index.json"] = index;
    write_texts(scratch.path(), texts);
    EXPECT_THROW(read_model_config(scratch.path()), FormatError) << index;
  }
}

}  // namespace
}  // namespace ddpm
