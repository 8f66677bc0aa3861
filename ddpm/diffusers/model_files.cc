#include "ddpm/diffusers/model_files.h"

#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusers/scheduler_config.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr const char* kConfigName = "config.json";
constexpr const char* kVersionKey = "_diffusers_version";
constexpr int64_t kMaxBytes = 1 << 23;  // 100,000 betas among them

Json read_json(const fs::path& path) {
  return parse_json(read_file(path, kMaxBytes), path.string());
}

std::string who_of_scheduler(const ModelFolder& folder) {
  return folder.scheduler.empty()
             ? concat(folder.root.string(), ": the default of a folder without a scheduler")
             : folder.scheduler.string();
}

// Of a folder without the file nothing is said but, of a network of twice the outputs, what the
// second half means: published networks mean a variance between the two.
std::string scheduler_text_of(const ModelFolder& folder, const UNetConfig& unet) {
  if (!folder.scheduler.empty()) return read_file(folder.scheduler, kMaxBytes);
  Json json = {{"_class_name", "DDPMScheduler"}};
  if (unet.learned_variance) json["variance_type"] = to_string(Variance::kLearnedRange);
  return json_text(json);
}

ModelConfig read_process(const ModelFolder& folder, const UNetConfig& unet) {
  if (!folder.scheduler_error.empty()) throw FormatError(folder.scheduler_error);
  const std::string who = who_of_scheduler(folder);
  const std::string text = scheduler_text_of(folder, unet);
  const Json json = scheduler_value(text, who);
  const Json name = json.is_object() ? json.value("_class_name", Json()) : Json();
  if (!folder.scheduler_class.empty() && name != folder.scheduler_class) {
    throw FormatError(concat(who, ": _class_name: expected ", folder.scheduler_class, ", as ",
                             kDiffusersIndexName, " says, got ", json_shown(name)));
  }
  return parse_scheduler(text, who);
}

// "key = value" of each.
std::vector<std::string> with_values(std::vector<std::string> keys, const Json& json) {
  for (std::string& key : keys) key = concat(key, " = ", json.at(key).dump());
  return keys;
}

}  // namespace

std::map<std::string, std::string> diffusers_texts(const ModelConfig& model) {
  const Json unet = unet_config_to_json(model.unet);
  const Json& version = unet.at(kVersionKey);  // whose fields all of these are
  const Json index = {{"_class_name", "DDPMPipeline"},
                      {kVersionKey, version},
                      {"scheduler", {"diffusers", "DDPMScheduler"}},
                      {"unet", {"diffusers", "UNet2DModel"}}};
  return {{kDiffusersIndexName, json_text(index)},
          {kDiffusersUNetName, json_text(unet)},
          {kDiffusersSchedulerName, json_text(scheduler_json(model, version))}};
}

UNetConfig read_network_config(const ModelFolder& folder) {
  const fs::path config = folder.network / kConfigName;
  return unet_config_from_json(read_json(config), config.string());
}

ModelConfig read_model_config(const ModelFolder& folder) {
  const UNetConfig unet = read_network_config(folder);
  ModelConfig model = read_process(folder, unet);
  model.unet = unet;
  if (model.unet.learned_variance != is_learned(model.variance)) {
    throw FormatError(concat(who_of_scheduler(folder),
                             ": variance_type: ", to_string(model.variance),
                             " does not go with a network of ", model.unet.image_channels,
                             " input and ", model.unet.output_channels(), " output channels"));
  }
  return model;
}

ModelConfig read_model_config(const fs::path& folder) {
  return read_model_config(find_model_folder(folder));
}

Json completed_network(const ModelFolder& folder, std::vector<std::string>* defaulted) {
  const fs::path config = folder.network / kConfigName;
  return completed_unet_json(read_json(config), config.string(), defaulted);
}

Json completed_scheduler(const ModelFolder& folder, const UNetConfig& unet,
                         std::vector<std::string>* defaulted) {
  const std::string who = who_of_scheduler(folder);
  return completed_scheduler_json(scheduler_value(scheduler_text_of(folder, unet), who), who,
                                  defaulted);
}

std::vector<std::string> defaults_of_network(const ModelFolder& folder) {
  std::vector<std::string> keys;
  const Json complete = completed_network(folder, &keys);
  return with_values(keys, complete);
}

std::vector<std::string> defaults_of_scheduler(const ModelFolder& folder) {
  if (folder.scheduler.empty()) return {};
  std::vector<std::string> keys;
  const Json complete = completed_scheduler(folder, {}, &keys);
  return with_values(keys, complete);
}

}  // namespace ddpm
