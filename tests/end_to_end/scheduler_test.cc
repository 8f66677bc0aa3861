// Sampling as a checkpoint's scheduler_config.json says it, and as --parity says it.

#include <nlohmann/json.hpp>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/formats/png.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class SchedulerOfACheckpoint : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "20"});
    fs::copy(folder_ / "run" / "checkpoints" / "00000020", folder_ / "theirs",
             fs::copy_options::recursive);
    fs::remove(folder_ / "theirs" / "manifest.json");  // as diffusers' folders are
  }

  // The checkpoint says that it is sampled by this class, with these keys beside its schedule's.
  void set_scheduler(const std::string& name, const Json& keys) const {
    const fs::path file = folder_ / "theirs" / "scheduler" / "scheduler_config.json";
    Json json = {{"_class_name", name}, {"num_train_timesteps", 20}, {"beta_end", 0.5}};
    json.update(keys);
    write_file_whole(file, json_text(json));
    const fs::path index = folder_ / "theirs" / "model_index.json";
    Json parts = parse_json(read_file(index, 1 << 16), "model_index.json");
    parts["scheduler"] = {"diffusers", name};
    write_file_whole(index, json_text(parts));
  }

  Outcome sample(const std::vector<std::string>& more) const {
    fs::remove_all(folder_ / "out");
    std::vector<std::string> arguments = {"sample", "--checkpoint", "theirs", "--out",
                                          "out",    "--count",      "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ddpm(arguments);
  }

  // What the PNG says of its sampling.
  PngText text_of(const std::vector<std::string>& more) const {
    const Outcome outcome = sample(more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read_png_text(as_bytes(png()), "out");
  }

  std::string png() const { return read_file(folder_ / "out" / "000000.png", 1 << 24); }

  std::vector<uint16_t> pixels(const std::vector<std::string>& more) const {
    const Outcome outcome = sample(more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return decode_png(as_bytes(png()), "out").samples;
  }
};

TEST_F(SchedulerOfACheckpoint, DecidesHowItIsSampledUnlessFlagsDo) {
  const struct {
    const char* name;
    Json keys;
    const char* sampler;
    const char* spacing;
    const char* clip;
  } cases[] = {
      {"DDPMScheduler", {{"clip_sample", false}}, "ddpm", "leading", "no"},
      {"DDIMScheduler",
       {{"clip_sample_range", 2.0}, {"steps_offset", 1}, {"variance_type", "fixed_large"}},
       "ddim",
       "leading, offset 1",
       "[-2, 2]"},
      {"DDIMScheduler",
       {{"thresholding", true}, {"sample_max_value", 1.5}},
       "ddim",
       "leading",
       "quantile 0.995, at most 1.5"},
      {"PNDMScheduler", Json::object(), "pndm", "leading", "no"},
      {"PNDMScheduler", {{"skip_prk_steps", true}}, "plms", "leading", "no"},
      {"DPMSolverMultistepScheduler", Json::object(), "dpmpp_2m", "dpm_linspace", "no"},
      {"DPMSolverMultistepScheduler", {{"solver_order", 1}}, "dpmpp_1s", "dpm_linspace", "no"},
      {"DPMSolverMultistepScheduler",
       {{"algorithm_type", "sde-dpmsolver++"}, {"timestep_spacing", "leading"}},
       "dpmpp_2m_sde",
       "dpm_leading",
       "no"},
      {"DPMSolverMultistepScheduler", {{"use_karras_sigmas", true}}, "dpmpp_2m", "karras", "no"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.name + one.keys.dump());
    set_scheduler(one.name, one.keys);
    const PngText text = text_of({"--steps", "6"});
    EXPECT_EQ(text.at("sampler"), one.sampler);
    EXPECT_EQ(text.at("spacing"), one.spacing);
    EXPECT_EQ(text.at("clip"), one.clip);
    const PngText other = text_of({"--steps", "6", "--sampler", "ddim", "--spacing", "trailing",
                                   "--clip", "1", "--parity", "diffusers", "--lists", "exact"});
    EXPECT_EQ(other.at("sampler"), "ddim");
    EXPECT_EQ(other.at("spacing"), "trailing");
    EXPECT_EQ(other.at("clip"), "yes");
    EXPECT_NE(other.at("parity").find("next-time stride, tables f32"), std::string::npos);
    const Outcome info = ddpm({"info", "theirs"});
    EXPECT_NE(info.out.find(std::string("sampled by        ") + one.sampler + ", "),
              std::string::npos)
        << info.out;
    EXPECT_NE(info.out.find(one.name), std::string::npos);
  }
  EXPECT_NE(ddpm({"info", "run"}).out.find("ddpm, trailing times, x_0 clipped, as DDPMScheduler"),
            std::string::npos);
}

TEST_F(SchedulerOfACheckpoint, KeysOfOtherClassesAreListed) {
  set_scheduler("DDIMScheduler", {{"skip_prk_steps", true}});
  EXPECT_NE(ddpm({"info", "theirs"}).out.find("passed over       skip_prk_steps"),
            std::string::npos);
}

// An average of the noise of 7 of 20 steps at the wrong stride is another image.
TEST_F(SchedulerOfACheckpoint, ParityWithDiffusersMakesOtherImagesWhereItIsWrong) {
  set_scheduler("DDIMScheduler", {{"timestep_spacing", "linspace"}});
  const auto ours = pixels({"--steps", "7"});
  EXPECT_NE(pixels({"--steps", "7", "--next-time", "stride"}), ours);
  EXPECT_NE(pixels({"--steps", "7", "--parity", "diffusers"}), ours);
  const std::vector<std::string> all_ours = {
      "--steps", "7",       "--parity", "diffusers", "--next-time", "list",   "--tables",
      "f64",     "--lists", "exact",    "--eps",     "clipped",     "--pndm", "eps"};
  EXPECT_EQ(pixels(all_ours), ours);
}

TEST_F(SchedulerOfACheckpoint, WhatIsNotDoneIsOneLineThatNamesKeyAndValue) {
  const struct {
    const char* key;
    Json value;
  } cases[] = {
      {"solver_order", 3},           {"algorithm_type", "dpmsolver"},
      {"solver_type", "rk4"},        {"use_exponential_sigmas", true},
      {"use_beta_sigmas", true},     {"use_lu_lambdas", true},
      {"use_flow_sigmas", true},     {"use_dynamic_shifting", true},
      {"final_sigmas_type", "one"},  {"prediction_type", "flow_prediction"},
      {"timestep_spacing", "log"},   {"beta_schedule", "exp"},
      {"lambda_min_clipped", 100},   {"steps_offset", -1},
      {"sample_max_value", 0},       {"variance_type", "small"},
      {"num_train_timesteps", "20"}, {"beta_strat", 0.1},
  };
  for (const auto& one : cases) {
    set_scheduler("DPMSolverMultistepScheduler", {{one.key, one.value}});
    const Outcome outcome = sample({"--steps", "5"});
    EXPECT_EQ(outcome.exit_code, 1) << one.key;
    ASSERT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_NE(outcome.err.find("scheduler_config.json"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(one.key), std::string::npos) << outcome.err;
    const bool unknown = std::string(one.key) == "beta_strat";
    EXPECT_NE(outcome.err.find(unknown ? "'beta_start'" : json_shown(one.value)), std::string::npos)
        << outcome.err;
    EXPECT_FALSE(fs::exists(folder_ / "out"));
  }
}

}  // namespace
}  // namespace ddpm
