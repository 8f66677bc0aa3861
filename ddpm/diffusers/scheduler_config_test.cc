#include "ddpm/diffusers/scheduler_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

SamplingConfig sampling_of(const std::string& text) {
  return parse_scheduler(text, "test").sampling;
}

std::string file_of(const std::string& name, const std::string& more = "") {
  return R"({"_class_name": ")" + name + '"' + more + "}";
}

// The defaults of diffusers 0.42.1's four constructors.
TEST(SchedulerConfig, AFileOfNothingButItsClassHasThatClassesDefaults) {
  SamplingConfig ddpm = sampling_of(file_of("DDPMScheduler"));
  EXPECT_EQ(ddpm, (SamplingConfig{.spacing = "leading"}));
  const SamplingConfig ddim = sampling_of(file_of("DDIMScheduler"));
  EXPECT_EQ(ddim, (SamplingConfig{.scheduler = SchedulerClass::kDdim, .spacing = "leading"}));
  const SamplingConfig pndm = sampling_of(file_of("PNDMScheduler"));
  EXPECT_EQ(pndm, (SamplingConfig{.scheduler = SchedulerClass::kPndm,
                                  .spacing = "leading",
                                  .clip = false,
                                  .ends_at_one = true}));
  const SamplingConfig dpm = sampling_of(file_of("DPMSolverMultistepScheduler"));
  EXPECT_EQ(dpm,
            (SamplingConfig{
                .scheduler = SchedulerClass::kDpmMultistep, .spacing = "linspace", .clip = false}));
  EXPECT_EQ(parse_scheduler(file_of("DDPMScheduler"), "test").variance, Variance::kFixedSmall);
}

TEST(SchedulerConfig, EveryKeyOfAClassIsRead) {
  const SamplingConfig ddim = sampling_of(
      file_of("DDIMScheduler",
              R"(, "clip_sample": false, "clip_sample_range": 2, "dynamic_thresholding_ratio": 0.9,
      "sample_max_value": 1.5, "set_alpha_to_one": false, "steps_offset": 1, "thresholding": true,
      "timestep_spacing": "trailing")"));
  EXPECT_EQ(ddim, (SamplingConfig{.scheduler = SchedulerClass::kDdim,
                                  .spacing = "trailing",
                                  .steps_offset = 1,
                                  .clip = false,
                                  .clip_range = 2.0,
                                  .thresholding = true,
                                  .threshold_quantile = 0.9,
                                  .threshold_max = 1.5,
                                  .ends_at_one = true}));
  EXPECT_TRUE(
      sampling_of(file_of("PNDMScheduler", R"(, "skip_prk_steps": true)")).skips_runge_kutta);
  const SamplingConfig dpm = sampling_of(
      file_of("DPMSolverMultistepScheduler",
              R"(, "solver_order": 1, "algorithm_type": "sde-dpmsolver++", "solver_type": "heun",
      "lower_order_final": false, "euler_at_final": true, "use_karras_sigmas": true,
      "final_sigmas_type": "sigma_min", "lambda_min_clipped": -5.1)"));
  EXPECT_EQ(dpm, (SamplingConfig{.scheduler = SchedulerClass::kDpmMultistep,
                                 .spacing = "linspace",
                                 .clip = false,
                                 .ends_at_one = true,
                                 .solver_order = 1,
                                 .stochastic = true,
                                 .heun = true,
                                 .lower_order_final = false,
                                 .euler_at_final = true,
                                 .karras = true,
                                 .lambda_min = -5.1}));
}

// As diffusers keeps them aside when a configuration goes from class to class.
TEST(SchedulerConfig, KeysOfOtherClassesArePassedOverAndListed) {
  const ModelConfig model = parse_scheduler(
      file_of("DDIMScheduler",
              R"(, "variance_type": "learned_range", "skip_prk_steps": 7, "solver_order": 3)"),
      "test");
  EXPECT_EQ(model.sampling.passed_over,
            (std::vector<std::string>{"skip_prk_steps", "solver_order", "variance_type"}));
  EXPECT_EQ(model.variance, Variance::kLearnedRange);
  // PNDM does not rescale, so neither is it done here
  const std::string rescaled = R"(, "rescale_betas_zero_snr": true)";
  EXPECT_FALSE(
      parse_scheduler(file_of("PNDMScheduler", rescaled), "test").schedule.zero_terminal_snr);
}

TEST(SchedulerConfig, WhatIsNotDoneIsRefusedWithItsValue) {
  const struct {
    const char* scheduler;
    const char* key;
    const char* value;
    const char* wanted;
  } cases[] = {
      {"DPMSolverMultistepScheduler", "solver_order", "3", "1 or 2"},
      {"DPMSolverMultistepScheduler", "solver_order", "2.5", "a whole number"},
      {"DPMSolverMultistepScheduler", "algorithm_type", "\"dpmsolver\"", "dpmsolver++ or"},
      {"DPMSolverMultistepScheduler", "algorithm_type", "\"sde-dpmsolver\"", "dpmsolver++ or"},
      {"DPMSolverMultistepScheduler", "solver_type", "\"rk4\"", "midpoint or heun"},
      {"DPMSolverMultistepScheduler", "use_exponential_sigmas", "true", "false"},
      {"DPMSolverMultistepScheduler", "use_beta_sigmas", "true", "false"},
      {"DPMSolverMultistepScheduler", "use_lu_lambdas", "true", "false"},
      {"DPMSolverMultistepScheduler", "use_flow_sigmas", "true", "false"},
      {"DPMSolverMultistepScheduler", "use_dynamic_shifting", "true", "false"},
      {"DPMSolverMultistepScheduler", "use_karras_sigmas", "1", "true or false"},
      {"DPMSolverMultistepScheduler", "final_sigmas_type", "\"one\"", "zero or sigma_min"},
      {"DPMSolverMultistepScheduler", "lambda_min_clipped", "100", "leaves a time"},
      {"DPMSolverMultistepScheduler", "lambda_min_clipped", "\"low\"", "a number"},
      {"DPMSolverMultistepScheduler", "variance_type", "\"small\"", "or null"},
      {"DPMSolverMultistepScheduler", "prediction_type", "\"flow_prediction\"", "epsilon or"},
      {"DPMSolverMultistepScheduler", "time_shift_type", "\"linear\"", "exponential"},
      {"DPMSolverMultistepScheduler", "beta_start", "-Infinity", "a number"},
      {"DDIMScheduler", "set_alpha_to_one", "1", "true or false"},
      {"DDIMScheduler", "clip_sample_range", "-1", "a number above 0"},
      {"DDIMScheduler", "timestep_spacing", "\"karras\"", "leading or"},
      {"PNDMScheduler", "skip_prk_steps", "null", "true or false"},
      {"PNDMScheduler", "steps_offset", "1001", "[0, 1000]"},
      {"DDPMScheduler", "variance_type", "null", "fixed_large or"},
  };
  for (const auto& one : cases) {
    const std::string text =
        file_of(one.scheduler, std::string(", \"") + one.key + "\": " + one.value);
    try {
      parse_scheduler(text, "file.json");
      ADD_FAILURE() << text;
    } catch (const FormatError& error) {
      const std::string message = error.what();
      EXPECT_EQ(message.rfind(std::string("file.json: ") + one.key + ": expected ", 0), 0u)
          << message;
      EXPECT_NE(message.find(one.wanted), std::string::npos) << message;
      const std::string value = one.value;
      EXPECT_NE(message.find(value.substr(value.find_first_not_of('"'), 3)), std::string::npos)
          << message;
    }
  }
}

TEST(SchedulerConfig, AnUnknownKeyOrClassNamesTheNearest) {
  const auto message = [](const std::string& text) -> std::string {
    return complaint<FormatError>([&] { parse_scheduler(text, "file.json"); });
  };
  EXPECT_NE(
      message(file_of("PNDMScheduler", R"(, "skip_prk_step": true)")).find("'skip_prk_steps'"),
      std::string::npos);
  EXPECT_NE(message(file_of("HeunDiscreteScheduler")).find("DPMSolverMultistepScheduler"),
            std::string::npos);
  EXPECT_NE(message("[]"), "");
  EXPECT_NE(message(R"({"_class_name": "DDIMScheduler", "beta_start": Infinity})"), "");
  EXPECT_EQ(message(file_of("DDIMScheduler", R"(, "_note": "-Infinity\" -Infinity")")), "");
}

// What diffusers 0.42.1 saves of an object of each class that was made without arguments.
TEST(SchedulerConfig, ACompletedFileIsWhatDiffusersWouldSave) {
  const Json ddim = completed_scheduler_json(
      {{"_class_name", "DDIMScheduler"}, {"variance_type", "fixed_small"}, {"_x", 1}}, "test");
  EXPECT_EQ(ddim, parse_json(R"({"_class_name": "DDIMScheduler", "_diffusers_version": "0.42.1",
    "beta_end": 0.02, "beta_schedule": "linear", "beta_start": 0.0001, "clip_sample": true,
    "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995, "num_train_timesteps": 1000,
    "prediction_type": "epsilon", "rescale_betas_zero_snr": false, "sample_max_value": 1.0,
    "set_alpha_to_one": true, "steps_offset": 0, "thresholding": false,
    "timestep_spacing": "leading", "trained_betas": null})",
                             "test"));
  std::vector<std::string> defaulted;
  const Json dpm = completed_scheduler_json(
      {{"_class_name", "DPMSolverMultistepScheduler"}, {"solver_order", 1}}, "test", &defaulted);
  EXPECT_EQ(dpm.size(), 28u + 2u);
  EXPECT_EQ(dpm["solver_order"], 1);
  EXPECT_EQ(std::count(defaulted.begin(), defaulted.end(), "solver_order"), 0);
  EXPECT_EQ(defaulted.size(), dpm.size() - 3);
  const std::string text = scheduler_text(dpm);
  EXPECT_NE(text.find("\"lambda_min_clipped\": -Infinity,\n"), std::string::npos) << text;
  EXPECT_EQ(scheduler_value(text, "test"), dpm);
  EXPECT_THROW(completed_scheduler_json({{"_class_name", "DDIMScheduler"}, {"x", 1}}, "test"),
               FormatError);
}

}  // namespace
}  // namespace ddpm
