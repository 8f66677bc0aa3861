#include "ddpm/export/diffusers_folder.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"
#include "ddpm/base/version.h"
#include "ddpm/checkpoints/checkpoint.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/scheduler_config.h"
#include "ddpm/export/legacy.h"
#include "ddpm/export/model_card.h"
#include "ddpm/export/origin.h"
#include "ddpm/export/pipeline_limits.h"
#include "ddpm/runlog/run_log.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCardName = "README.md";

// All that is read of a checkpoint but its weights.
struct Source {
  ModelFolder folder;
  ModelConfig model;
  Json unet;       // config.json, every field
  Json scheduler;  // scheduler_config.json, every field
  std::optional<TrainingState> training;
  std::optional<ExportOrigin> origin;  // of a folder that was exported itself
};

Source read_source(const fs::path& checkpoint, bool ema) {
  Source source;
  source.folder = find_model_folder(checkpoint, ema);
  source.model = read_model_config(source.folder);
  source.unet = completed_network(source.folder);
  source.scheduler = completed_scheduler(source.folder, source.model.unet);
  if (has_training_state(checkpoint)) source.training = read_training_state(checkpoint);
  source.origin = read_origin(checkpoint);
  return source;
}

// Which of the sets is written: "" for a single one of which nothing is known.
std::string weights_of(const Source& source, const fs::path& checkpoint, bool ema) {
  if (source.training) return ema ? "ema" : "raw";
  // a folder that tells them apart by their names, or has one set
  if (source.folder.kind == FolderKind::kTraining) return ema ? "ema" : "raw";
  std::string only = source.origin ? source.origin->weights : "";
  DDPM_CHECK(ema || only == "raw", "export: --weights raw: ", checkpoint.string(),
             " has one set of weights, ", only.empty() ? "of unknown kind" : "the averaged ones");
  return only;
}

ExportOrigin origin_of(const Source& source, const fs::path& checkpoint, const std::string& weights,
                       const DiffusersExport& request) {
  ExportOrigin origin;
  origin.weights = weights;
  origin.dtype = weights_dtype_name(request.dtype);
  origin.source = checkpoint_hash(checkpoint, request.weights);
  if (source.training) {
    origin.step = source.training->step;
  } else if (source.origin) {
    origin.step = source.origin->step;
  }
  origin.version = kVersion;
  return origin;
}

// The log's last line that the checkpoint knows of, if it lies in a run.
std::optional<MetricsRow> last_log_line(const Source& source, const fs::path& checkpoint) {
  if (!source.training) return std::nullopt;
  const fs::path folder = fs::absolute(checkpoint).lexically_normal().parent_path();
  if (folder.filename() != "checkpoints") return std::nullopt;
  std::optional<MetricsRow> last;
  for (const MetricsRow& row : read_run_log(folder.parent_path() / "metrics.jsonl").metrics) {
    if (row.step <= source.training->step) last = row;
  }
  return last;
}

Json index_json(const std::string& pipeline, const Json& unet, const Json& scheduler) {
  return {{"_class_name", pipeline.empty() ? "DDPMPipeline" : pipeline},
          {"_diffusers_version", unet.at("_diffusers_version")},
          {"scheduler", {"diffusers", scheduler.at("_class_name")}},
          {"unet", {"diffusers", unet.at("_class_name")}}};
}

std::string card_of(const Source& source, const ExportOrigin& origin, const fs::path& checkpoint,
                    const fs::path& out, const DiffusersExport& request) {
  return model_card({.name = fs::absolute(out).lexically_normal().filename().string(),
                     .license = request.license,
                     .old_form = request.form == DiffusersForm::kRelease024,
                     .model = source.model,
                     .origin = origin,
                     .training = source.training,
                     .last_log_line = last_log_line(source, checkpoint),
                     .command = request.command});
}

// The files but the weights, by their names.
std::map<std::string, std::string> texts_of(const Source& source, const ExportOrigin& origin,
                                            const fs::path& checkpoint, const fs::path& out,
                                            const DiffusersExport& request) {
  Json unet = source.unet;
  Json scheduler = source.scheduler;
  if (request.form == DiffusersForm::kRelease024) {
    unet = old_unet_json(unet, "export: unet");
    scheduler = old_scheduler_json(scheduler, source.model.schedule, "export: scheduler");
    DDPM_CHECK(request.max_shard_bytes == kDefaultShardBytes,
               "export: --max-shard-size: diffusers ", old_diffusers_version(),
               " wants the weights in one file");
  }
  return {{kDiffusersIndexName, json_text(index_json(source.folder.pipeline, unet, scheduler))},
          {kDiffusersUNetName, json_text(unet)},
          {kDiffusersSchedulerName, scheduler_text(scheduler)},
          {kOriginName, json_text(origin_json(origin))},
          {kCardName, card_of(source, origin, checkpoint, out, request)}};
}

std::vector<ExportedFile> files_below(const fs::path& folder) {
  std::vector<ExportedFile> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files.push_back({entry.path().lexically_relative(folder).string(),
                     static_cast<int64_t>(entry.file_size())});
  }
  std::sort(files.begin(), files.end(),
            [](const ExportedFile& a, const ExportedFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace

Exported export_to_diffusers(const fs::path& checkpoint, const fs::path& out,
                             const DiffusersExport& request, FileLayer& files) {
  const bool ema = request.weights.ema;
  const Source source = read_source(checkpoint, ema);
  if (!request.allow_log_variance) refuse_wrong_samples(source.model, "export");
  const std::string weights = weights_of(source, checkpoint, ema);
  const ExportOrigin origin = origin_of(source, checkpoint, weights, request);
  const auto texts = texts_of(source, origin, checkpoint, out, request);
  const UNetConfig& unet = source.model.unet;
  // a single set is what it is, whatever it is asked for as
  const bool several = source.training || source.folder.kind == FolderKind::kTraining;
  const ParameterValues values =
      read_weights(checkpoint, unet, {.ema = ema || !several, .variant = request.weights.variant});
  check_representable(unet, views_of(values), request.dtype, "export");
  const WeightsForm form{.dtype = request.dtype,
                         .old_names = request.form == DiffusersForm::kRelease024,
                         .max_shard_bytes = request.max_shard_bytes};
  std::map<std::string, std::string> metadata;
  if (!weights.empty()) metadata["weights"] = weights;
  const auto fill = [&](const fs::path& folder) {
    files.make_folder(folder / "unet");
    files.make_folder(folder / "scheduler");
    write_weights(folder / "unet", unet, views_of(values), form, metadata, files);
    for (const auto& [name, text] : texts) files.write(folder / name, as_bytes(text));
  };
  write_folder_whole(out, fill, files);
  return {files_below(out), weights, pipeline_limits(source.model)};
}

}  // namespace ddpm
