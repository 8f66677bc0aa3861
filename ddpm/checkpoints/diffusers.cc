#include "ddpm/checkpoints/diffusers.h"

#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/scheduler_config.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr const char* kIndexName = "model_index.json";
constexpr const char* kUNetName = "unet/config.json";
constexpr const char* kVersionKey = "_diffusers_version";
constexpr int64_t kMaxBytes = 1 << 23;  // 100,000 betas among them

Json read_json(const fs::path& path) {
  return parse_json(read_file(path, kMaxBytes), path.string());
}

}  // namespace

ModelConfig model_config_of(const TrainConfig& config, const UNetConfig& unet) {
  return {.unet = unet,
          .schedule = schedule_config_of(config),
          .prediction = prediction_of(config),
          .variance = variance_from(config.variance)};
}

std::map<std::string, std::string> diffusers_texts(const ModelConfig& model) {
  const Json unet = unet_config_to_json(model.unet);
  const Json& version = unet.at(kVersionKey);  // whose fields all of these are
  const Json index = {{"_class_name", "DDPMPipeline"},
                      {kVersionKey, version},
                      {"scheduler", {"diffusers", "DDPMScheduler"}},
                      {"unet", {"diffusers", "UNet2DModel"}}};
  return {{kIndexName, json_text(index)},
          {kUNetName, json_text(unet)},
          {kDiffusersSchedulerName, json_text(scheduler_json(model, version))}};
}

ModelConfig read_model_config(const fs::path& folder) {
  const fs::path index = folder / kIndexName;
  expect_class(read_json(index), "DDPMPipeline", index.string());
  const fs::path unet = folder / kUNetName;
  const fs::path scheduler = folder / kDiffusersSchedulerName;
  ModelConfig model = parse_scheduler(read_file(scheduler, kMaxBytes), scheduler.string());
  model.unet = unet_config_from_json(read_json(unet), unet.string());
  if (model.unet.learned_variance != is_learned(model.variance)) {
    throw FormatError(concat(scheduler.string(), ": variance_type: ", to_string(model.variance),
                             " does not go with a network of ", model.unet.image_channels,
                             " input and ", model.unet.output_channels(), " output channels"));
  }
  return model;
}

}  // namespace ddpm
