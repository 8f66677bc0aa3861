#include "ddpm/jobs/export.h"

#include <map>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/scheduler_config.h"
#include "ddpm/jobs/model.h"
#include "ddpm/jobs/schedules.h"
#include "ddpm/onnx/unet_graph.h"
#include "ddpm/onnx/write.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

fs::path checkpoint_of(const std::string& checkpoint) {
  DDPM_CHECK(fs::exists(checkpoint), "export: --checkpoint: ", checkpoint, " does not exist");
  return require_checkpoint("export", "--checkpoint", checkpoint);
}

// What a program that has only the file needs to sample with it.
std::map<std::string, std::string> metadata_of(const ModelConfig& model, const ModelFolder& folder,
                                               const WeightsChoice& choice) {
  const fs::path& checkpoint = folder.root;
  return {{"prediction", to_string(model.prediction)},
          {"variance", to_string(model.variance)},
          {"schedule", schedule_text(model.schedule)},
          {"scheduler_config", scheduler_text(completed_scheduler(folder, model.unet))},
          {"weights",
           has_training_state(checkpoint) ? weights_name(choice) : "the one set of its folder"},
          {"checkpoint_sha256", checkpoint_hash(checkpoint, choice)}};
}

}  // namespace

DiffusersExportResult export_diffusers(const DiffusersExportRequest& request, const Watch& watch) {
  const fs::path checkpoint = checkpoint_of(request.checkpoint);
  begin(watch, "");
  return {export_to_diffusers(checkpoint, request.out, request.options), checkpoint};
}

OnnxExportResult export_onnx(const OnnxExportRequest& request, const Watch& watch) {
  const fs::path checkpoint = checkpoint_of(request.checkpoint);
  const ModelFolder folder = find_model_folder(checkpoint, request.weights.ema);
  const ModelConfig model = read_model_config(folder);
  const ParameterValues values = read_weights(checkpoint, model.unet, request.weights);
  const OnnxModel onnx{unet_graph(model.unet, views_of(values)),
                       "a denoising diffusion model's network, written by ddpm",
                       metadata_of(model, folder, request.weights)};
  begin(watch, "");
  const fs::path out = fs::absolute(request.out).lexically_normal();
  real_files().make_folder(out.parent_path());
  std::map<fs::path, bool> was_there;
  for (const fs::path& file : {out, fs::path(out.string() + ".data")}) {
    was_there[file.filename()] = fs::exists(file);
  }
  OnnxExportResult result{{}, checkpoint, count_parameters(model.unet)};
  for (const fs::path& file : write_onnx(out, onnx, {.external_data = request.external_data})) {
    const fs::path name = file.filename();
    result.files.push_back(
        {name.string(), static_cast<int64_t>(fs::file_size(file)), was_there[name]});
  }
  return result;
}

}  // namespace ddpm
