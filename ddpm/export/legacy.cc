#include "ddpm/export/legacy.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

constexpr const char* kVersion024 = "0.2.4";
constexpr const char* kVersionKey = "_diffusers_version";

// Tensors of attention, today and then.
constexpr std::array<std::pair<const char*, const char*>, 4> kAttentionNames = {
    {{".to_q.", ".query."},
     {".to_k.", ".key."},
     {".to_v.", ".value."},
     {".to_out.0.", ".proj_attn."}}};

// The keys that came later, with what was built in.
const Json& built_into_unet() {
  static const Json values = {{"add_attention", true},
                              {"attn_norm_num_groups", nullptr},
                              {"class_embed_type", nullptr},
                              {"downsample_type", "conv"},
                              {"mid_block_type", "UNetMidBlock2D"},
                              {"num_class_embeds", nullptr},
                              {"num_train_timesteps", nullptr},
                              {"resnet_time_scale_shift", "default"},
                              {"time_embedding_dim", nullptr},
                              {"upsample_type", "conv"}};
  return values;
}

const Json& built_into_scheduler() {
  static const Json values = {{"clip_sample_range", 1.0},
                              {"prediction_type", "epsilon"},
                              {"rescale_betas_zero_snr", false},
                              {"steps_offset", 0},
                              {"thresholding", false}};
  return values;
}

[[noreturn]] void refuse(const std::string& who, const std::string& key, const std::string& wanted,
                         const Json& got) {
  throw InvalidArgument(concat(who, ": ", key, ": diffusers ", kVersion024, " had only ", wanted,
                               ", got ", json_shown(got)));
}

void take_out(Json& json, const Json& built_in, const std::string& who) {
  for (const auto& [key, value] : built_in.items()) {
    if (json.at(key) != value) refuse(who, key, json_shown(value), json.at(key));
    json.erase(key);
  }
}

void expect_one_of(const Json& json, const std::string& who, const std::string& key,
                   const std::vector<std::string>& known, const std::string& wanted) {
  const Json& value = json.at(key);
  const Json list = value.is_array() ? value : Json::array({value});
  for (const Json& one : list) {
    const bool is_known = std::any_of(
        known.begin(), known.end(), [&one](const std::string& name) { return one == Json(name); });
    if (!is_known) refuse(who, key, wanted, one);
  }
}

std::vector<double> betas_of(const ScheduleConfig& config) {
  const Schedule schedule = make_schedule(config);
  std::vector<double> betas;
  for (int64_t t = 1; t <= schedule.steps(); ++t) betas.push_back(schedule.beta(t));
  return betas;
}

}  // namespace

std::string old_parameter_name(const std::string& name) {
  for (const auto& [today, then] : kAttentionNames) {
    const size_t at = name.find(today);
    if (at == std::string::npos || name.find(".attentions.") == std::string::npos) continue;
    return std::string(name).replace(at, std::string(today).size(), then);
  }
  return name;
}

Json old_unet_json(const Json& json, const std::string& who) {
  Json old = json;
  take_out(old, built_into_unet(), who);
  old.erase("dropout");
  expect_one_of(old, who, "time_embedding_type", {"positional"}, "positional");
  expect_one_of(old, who, "down_block_types", {"DownBlock2D", "AttnDownBlock2D"},
                "DownBlock2D and AttnDownBlock2D");
  expect_one_of(old, who, "up_block_types", {"UpBlock2D", "AttnUpBlock2D"},
                "UpBlock2D and AttnUpBlock2D");
  if (old.at("norm_num_groups") != 32) {
    refuse(who, "norm_num_groups", "32", old.at("norm_num_groups"));
  }
  Json& size = old.at("sample_size");
  if (size.is_array() && size.size() == 2 && size[0] == size[1]) size = Json(size[0]);
  if (!size.is_number_integer()) refuse(who, "sample_size", "squares", size);
  old[kVersionKey] = kVersion024;
  return old;
}

Json old_scheduler_json(const Json& json, const ScheduleConfig& schedule, const std::string& who) {
  Json old = json;
  if (old.at("_class_name") != "DDPMScheduler") {
    refuse(who, "_class_name", "DDPMScheduler", old.at("_class_name"));
  }
  take_out(old, built_into_scheduler(), who);
  for (const char* key : {"timestep_spacing", "dynamic_thresholding_ratio", "sample_max_value"}) {
    old.erase(key);
  }
  expect_one_of(old, who, "variance_type", {"fixed_small", "fixed_large"},
                "fixed_small and fixed_large");
  const Json& word = old.at("beta_schedule");
  const bool known = word == "linear" || word == "scaled_linear" || word == "squaredcos_cap_v2";
  if (!known && old.at("trained_betas").is_null()) {
    old["beta_schedule"] = "linear";  // which then says nothing
    old["trained_betas"] = betas_of(schedule);
  }
  old[kVersionKey] = kVersion024;
  return old;
}

std::string old_diffusers_version() { return kVersion024; }

}  // namespace ddpm
