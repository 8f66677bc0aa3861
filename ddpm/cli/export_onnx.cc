// `ddpm export --format onnx`.

#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/export_job.h"
#include "ddpm/cli/schedule_flags.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/scheduler_config.h"
#include "ddpm/onnx/unet_graph.h"
#include "ddpm/onnx/write.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"
#include "ddpm/terminal/output.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

// What tells a program that has only the file how to sample with it.
std::map<std::string, std::string> metadata_of(const ModelConfig& model, const ModelFolder& folder,
                                               const WeightsChoice& choice) {
  const fs::path& checkpoint = folder.root;
  return {{"prediction", to_string(model.prediction)},
          {"variance", to_string(model.variance)},
          {"schedule", schedule_text(model.schedule)},
          {"scheduler_config", scheduler_text(completed_scheduler(folder, model.unet))},
          {"weights", has_training_state(checkpoint) ? (choice.ema ? "ema" : "raw")
                                                     : "the one set of its folder"},
          {"checkpoint_sha256", checkpoint_hash(checkpoint, choice)}};
}

void check_files(const ExportFlags& flags) {
  const std::string data = flags.out + ".data";  // of large models in any case
  JobFiles files("export");
  add_checkpoint(files, flags.checkpoint);
  files.writes("--out", flags.out, Content::kOnnx);
  files.writes("--external-data", data, Content::kOnnxData);
  files.check();
  DDPM_CHECK(!flags.external_data || fs::exists(flags.out) || !fs::exists(data),
             "export: --external-data: ", data,
             ": expected a new name, as no model is beside it, got a file");
}

}  // namespace

int export_as_onnx(const ExportFlags& flags, const std::string& program) {
  check_files(flags);
  DDPM_CHECK(fs::exists(flags.checkpoint), "export: --checkpoint: ", flags.checkpoint,
             " does not exist");
  const fs::path checkpoint = require_checkpoint("export", "--checkpoint", flags.checkpoint);
  const WeightsChoice choice{.ema = flags.weights == "ema", .variant = flags.variant};
  const ModelFolder folder = find_model_folder(checkpoint, choice.ema);
  const ModelConfig model = read_model_config(folder);
  const ParameterValues values = read_weights(checkpoint, model.unet, choice);
  const OnnxModel onnx{unet_graph(model.unet, views_of(values)),
                       "a denoising diffusion model's network, written by ddpm",
                       metadata_of(model, folder, choice)};
  std::cout << absolute_text(flags.out) << std::endl;
  const fs::path out = fs::absolute(flags.out).lexically_normal();
  real_files().make_folder(out.parent_path());
  std::map<fs::path, bool> was_there;
  for (const fs::path& file : {out, fs::path(out.string() + ".data")}) {
    was_there[file.filename()] = fs::exists(file);
  }
  for (const fs::path& file : write_onnx(out, onnx, {.external_data = flags.external_data})) {
    std::cout << file.filename().string() << ": "
              << readable_bytes(static_cast<int64_t>(fs::file_size(file)))
              << (was_there[file.filename()] ? ", replaced\n" : "\n");
  }
  std::cout << "checkpoint " << checkpoint.filename().string() << " (" << flags.weights
            << " weights, " << with_thousands(count_parameters(model.unet)) << " parameters)\n"
            << NextCommand(program, "info").word(flags.checkpoint).line() << std::endl;
  return 0;
}

}  // namespace ddpm
