#include "ddpm/export/legacy.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/diffusers/scheduler_config.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/unet/config.h"

namespace ddpm {
namespace {

std::set<std::string> keys_of(const Json& json) {
  std::set<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.insert(key);
  return keys;
}

Json unet_with(const std::string& key, const Json& value) {
  Json json = unet_config_to_json({});
  json[key] = value;
  return json;
}

Json scheduler_with(const std::string& key, const Json& value) {
  Json json = scheduler_json({}, "0.42.1");
  json[key] = value;
  return json;
}

TEST(Legacy, OnlyAttentionHadOtherNames) {
  EXPECT_EQ(old_parameter_name("mid_block.attentions.0.to_q.weight"),
            "mid_block.attentions.0.query.weight");
  EXPECT_EQ(old_parameter_name("down_blocks.1.attentions.1.to_k.bias"),
            "down_blocks.1.attentions.1.key.bias");
  EXPECT_EQ(old_parameter_name("up_blocks.2.attentions.0.to_v.weight"),
            "up_blocks.2.attentions.0.value.weight");
  EXPECT_EQ(old_parameter_name("up_blocks.2.attentions.2.to_out.0.bias"),
            "up_blocks.2.attentions.2.proj_attn.bias");
  for (const char* name : {"mid_block.attentions.0.group_norm.weight", "conv_in.weight",
                           "up_blocks.0.resnets.0.conv1.bias", "other.to_q.weight"}) {
    EXPECT_EQ(old_parameter_name(name), name);
  }
}

// The keys of the file of google/ddpm-cifar10-32, which release 0.0.4 wrote.
TEST(Legacy, TheNetworksDescriptionHasTheKeysOfThatTime) {
  const Json old = old_unet_json(unet_config_to_json({}), "test");
  EXPECT_EQ(keys_of(old),
            (std::set<std::string>{
                "_class_name", "_diffusers_version", "act_fn", "attention_head_dim",
                "block_out_channels", "center_input_sample", "down_block_types",
                "downsample_padding", "flip_sin_to_cos", "freq_shift", "in_channels",
                "layers_per_block", "mid_block_scale_factor", "norm_eps", "norm_num_groups",
                "out_channels", "sample_size", "time_embedding_type", "up_block_types"}));
  EXPECT_EQ(old["_diffusers_version"], "0.2.4");
  EXPECT_TRUE(old["attention_head_dim"].is_null());
  // today's reader makes the same network of it, but for dropout
  UNetConfig again = unet_config_from_json(old, "test");
  again.dropout = UNetConfig{}.dropout;
  EXPECT_EQ(again, UNetConfig{});
}

TEST(Legacy, ASquareOfTwoNumbersIsOneNumber) {
  EXPECT_EQ(old_unet_json(unet_with("sample_size", {32, 32}), "test")["sample_size"], 32);
}

TEST(Legacy, ANetworkThatCouldNotBeSaidIsRefusedByItsKey) {
  const std::vector<std::pair<std::string, Json>> wrong = {
      {"add_attention", false},
      {"attn_norm_num_groups", 8},
      {"num_class_embeds", 10},
      {"class_embed_type", "timestep"},
      {"downsample_type", "resnet"},
      {"upsample_type", "resnet"},
      {"mid_block_type", nullptr},
      {"num_train_timesteps", 1000},
      {"resnet_time_scale_shift", "scale_shift"},
      {"time_embedding_dim", 64},
      {"time_embedding_type", "learned"},
      {"norm_num_groups", 16},
      {"sample_size", {32, 64}},
      {"down_block_types", {"DownBlock2D", "ResnetDownsampleBlock2D"}},
      {"up_block_types", {"ResnetUpsampleBlock2D", "UpBlock2D"}},
  };
  for (const auto& [key, value] : wrong) {
    const std::string message = complaint<InvalidArgument>(
        [&, &key = key, &value = value] { old_unet_json(unet_with(key, value), "who"); });
    EXPECT_EQ(message.rfind("who: " + key + ": diffusers 0.2.4 had only ", 0), 0U)
        << key << ": '" << message << "'";
  }
}

// The keys of the same folder's scheduler, which release 0.1.1 wrote.
TEST(Legacy, TheSchedulersDescriptionHasTheKeysOfThatTime) {
  const Json old = old_scheduler_json(scheduler_json({}, "0.42.1"), {}, "test");
  EXPECT_EQ(keys_of(old),
            (std::set<std::string>{"_class_name", "_diffusers_version", "beta_end", "beta_schedule",
                                   "beta_start", "clip_sample", "num_train_timesteps",
                                   "trained_betas", "variance_type"}));
  EXPECT_EQ(old["beta_schedule"], "linear");
  EXPECT_TRUE(old["trained_betas"].is_null());
}

TEST(Legacy, AScheduleWithoutAWordThenIsWrittenAsItsBetas) {
  for (const ScheduleKind kind : {ScheduleKind::kSigmoid, ScheduleKind::kLaplace}) {
    const ModelConfig model{.unet = {}, .schedule = {.kind = kind, .T = 20}};
    const Json old = old_scheduler_json(scheduler_json(model, "0.42.1"), model.schedule, "test");
    const Schedule wanted = make_schedule(model.schedule);
    const Schedule got = make_schedule(parse_scheduler(old.dump(), "test").schedule);
    ASSERT_EQ(old["trained_betas"].size(), 20U);
    for (int64_t t = 1; t <= 20; ++t) EXPECT_EQ(got.beta(t), wanted.beta(t)) << t;
  }
  const ModelConfig cosine{.unet = {}, .schedule = {.kind = ScheduleKind::kCosine}};
  const Json word = old_scheduler_json(scheduler_json(cosine, "0.42.1"), cosine.schedule, "test");
  EXPECT_EQ(word["beta_schedule"], "squaredcos_cap_v2");
  EXPECT_TRUE(word["trained_betas"].is_null());
}

TEST(Legacy, AProcessThatCouldNotBeSaidIsRefusedByItsKey) {
  const std::vector<std::pair<std::string, Json>> wrong = {{"prediction_type", "v_prediction"},
                                                           {"variance_type", "learned_range"},
                                                           {"variance_type", "fixed_small_log"},
                                                           {"rescale_betas_zero_snr", true},
                                                           {"thresholding", true},
                                                           {"clip_sample_range", 2.0},
                                                           {"steps_offset", 1},
                                                           {"_class_name", "DDIMScheduler"}};
  for (const auto& [key, value] : wrong) {
    const std::string message = complaint<InvalidArgument>([&, &key = key, &value = value] {
      old_scheduler_json(scheduler_with(key, value), {}, "who");
    });
    EXPECT_EQ(message.rfind("who: " + key + ": diffusers 0.2.4 had only ", 0), 0U)
        << key << ": '" << message << "'";
  }
}

}  // namespace
}  // namespace ddpm
