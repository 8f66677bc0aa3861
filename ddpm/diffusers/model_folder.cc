#include "ddpm/diffusers/model_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr const char* kConfigName = "config.json";
constexpr const char* kSchedulerName = "scheduler_config.json";
constexpr const char* kRawName = "training/raw.safetensors";
constexpr const char* kClassKey = "_class_name";
constexpr int64_t kMaxIndexBytes = 1 << 20;

// The folder of a component, or the root where it has none, as in diffusers.
fs::path folder_of(const fs::path& root, const char* component) {
  return fs::is_directory(root / component) ? root / component : root;
}

// A component is [library, class].
std::string component_class(const Json& json, const char* name, const std::string& who) {
  const Json value = json.value(name, Json());
  const bool legal = value.is_array() && value.size() == 2 && value[0] == "diffusers" &&
                     value[1].is_string() && !value[1].get<std::string>().empty();
  if (!legal) {
    throw FormatError(
        concat(who, ": ", name, ": wanted [\"diffusers\", a class], got ", json_shown(value)));
  }
  return value[1].get<std::string>();
}

ModelFolder pipeline_folder(const fs::path& root) {
  const fs::path path = root / kDiffusersIndexName;
  const ModelIndex index = parse_model_index(read_file(path, kMaxIndexBytes), path.string());
  return {.kind = FolderKind::kPipeline,
          .root = root,
          .network = folder_of(root, "unet"),
          .scheduler = folder_of(root, "scheduler") / kSchedulerName,
          .pipeline = index.pipeline,
          .scheduler_class = index.scheduler,
          .scheduler_error = index.scheduler_error};
}

// Without model_index.json nothing says that there is a scheduler.
fs::path scheduler_if_any(const fs::path& root) {
  const fs::path path = folder_of(root, "scheduler") / kSchedulerName;
  return fs::exists(path) ? path : fs::path();
}

bool has_network(const fs::path& folder) { return fs::exists(folder / kConfigName); }

}  // namespace

ModelIndex parse_model_index(std::string_view text, const std::string& who) {
  const Json json = parse_json(text, who);
  const std::vector<std::string> pipelines = {"DDPMPipeline", "DDIMPipeline", "PNDMPipeline"};
  const Json name = json.is_object() ? json.value(kClassKey, Json()) : Json();
  if (!name.is_string() ||
      std::find(pipelines.begin(), pipelines.end(), name.get<std::string>()) == pipelines.end()) {
    throw FormatError(concat(who, ": ", kClassKey, ": wanted ", join(pipelines, " or "), ", got ",
                             json_shown(json.is_object() ? name : json)));
  }
  for (const auto& [key, value] : json.items()) {
    const bool known = key.rfind('_', 0) == 0 || key == "unet" || key == "scheduler";
    if (!known && !value.is_null()) {
      throw FormatError(concat(who, ": a component ", json_shown(Json(key)), ", ",
                               json_shown(value), "; wanted unet and scheduler alone"));
    }
  }
  const std::string network = component_class(json, "unet", who);
  if (network != "UNet2DModel") {
    throw FormatError(concat(who, ": unet: wanted UNet2DModel, got ", json_shown(Json(network))));
  }
  ModelIndex index{.pipeline = name.get<std::string>(), .scheduler = ""};
  try {
    index.scheduler = component_class(json, "scheduler", who);
  } catch (const FormatError& error) {
    index.scheduler_error = error.what();
  }
  return index;
}

bool is_model_folder(const fs::path& folder) {
  return fs::exists(folder / kDiffusersIndexName) || has_network(folder) ||
         has_network(folder / "unet") || has_network(folder / "unet_ema");
}

ModelFolder find_model_folder(const fs::path& root, bool ema) {
  if (fs::exists(root / kDiffusersIndexName)) return pipeline_folder(root);
  ModelFolder model{.kind = FolderKind::kNetwork,
                    .root = root,
                    .network = root,
                    .scheduler = scheduler_if_any(root),
                    .pipeline = "",
                    .scheduler_class = ""};
  const fs::path averaged = root / "unet_ema";
  const fs::path raw = root / "unet";
  if (has_network(averaged) || has_network(raw)) {
    model.kind = FolderKind::kTraining;
    DDPM_CHECK(ema || has_network(raw), root.string(), ": has only averaged weights: no ",
               (raw / kConfigName).string());
    model.network = ema && has_network(averaged) ? averaged : raw;
    return model;
  }
  DDPM_CHECK(has_network(root), root.string(), ": wanted a network, got a folder with none of ",
             kDiffusersIndexName, ", ", kConfigName, ", unet/ and unet_ema/");
  return model;
}

WeightsFiles find_weights(const ModelFolder& model, const WeightsChoice& choice) {
  if (choice.ema || model.kind == FolderKind::kTraining) {
    return find_weights_files(model.network, choice.variant);
  }
  const fs::path raw = model.root / kRawName;
  DDPM_CHECK(fs::exists(raw), model.root.string(),
             ": has one set of weights, which count as the averaged ones; wanted raw ones in ",
             kRawName);
  DDPM_CHECK(choice.variant.empty(), raw.string(), ": has no variants, wanted '", choice.variant,
             "'");
  WeightsFiles files;
  files.whole = raw;
  return files;
}

std::string layout_text(const ModelFolder& model) {
  const std::string part = model.network.filename().string();
  switch (model.kind) {
    case FolderKind::kPipeline:
      return concat("a pipeline (", model.pipeline, "), ",
                    model.network == model.root ? "all in one folder" : "each part in its folder");
    case FolderKind::kTraining:
      return concat("a training folder, its ", part, "/");
    case FolderKind::kNetwork:
      break;
  }
  return "a network alone";
}

}  // namespace ddpm
