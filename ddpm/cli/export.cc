// `ddpm export`: a checkpoint in the form that another program reads.

#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/diffusers.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/schedule_flags.h"
#include "ddpm/onnx/unet_graph.h"
#include "ddpm/onnx/write.h"
#include "ddpm/terminal/next_command.h"
#include "ddpm/terminal/output.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

struct ExportFlags {
  std::string checkpoint;
  std::string out;
  std::string format = "onnx";
  std::string weights = "ema";
  bool external_data = false;
};

std::shared_ptr<ExportFlags> declare(Flags& flags) {
  auto values = std::make_shared<ExportFlags>();
  flags.text("--checkpoint", values->checkpoint, "RUN|CHECKPOINT",
             "a run (its newest checkpoint) or a checkpoint folder");
  flags.text("--out", values->out, "FILE.onnx", "the file to write");
  flags.choice("--format", values->format, {"onnx"}, "onnx: the network for any ONNX runtime");
  flags.choice("--weights", values->weights, {"ema", "raw"},
               "the averaged weights or those the optimiser left");
  flags.toggle("--external-data", values->external_data,
               "the weights in FILE.onnx.data, as is done in any case from 2 GiB on");
  return values;
}

// What tells a program that has only the file how to sample with it.
std::map<std::string, std::string> metadata_of(const ModelConfig& model, const fs::path& checkpoint,
                                               const std::string& weights) {
  return {{"prediction", to_string(model.prediction)},
          {"variance", to_string(model.variance)},
          {"schedule", schedule_text(model.schedule)},
          {"scheduler_config", diffusers_texts(model).at(kDiffusersSchedulerName)},
          {"weights", has_training_state(checkpoint) ? weights : "the one set of its folder"},
          {"checkpoint_sha256", checkpoint_hash(checkpoint)}};
}

int run_export(const ExportFlags& flags, const std::string& program) {
  require_given("export", "--checkpoint", flags.checkpoint, "a run or a checkpoint folder");
  require_given("export", "--out", flags.out, "the file to write");
  check_output_file("export", "--out", flags.out);
  DDPM_CHECK(fs::exists(flags.checkpoint), "export: --checkpoint: ", flags.checkpoint,
             " does not exist");
  const fs::path checkpoint = resolve_checkpoint(flags.checkpoint);
  const ModelConfig model = read_model_config(checkpoint);
  const ParameterValues values =
      read_arrays(checkpoint, model.unet, flags.weights == "raw" ? ArraySet::kRaw : ArraySet::kEma);
  const OnnxModel onnx{unet_graph(model.unet, views_of(values)),
                       "a denoising diffusion model's network, written by ddpm",
                       metadata_of(model, checkpoint, flags.weights)};
  std::cout << absolute_text(flags.out) << std::endl;
  const fs::path out = fs::absolute(flags.out).lexically_normal();
  real_files().make_folder(out.parent_path());
  for (const fs::path& file : write_onnx(out, onnx, {.external_data = flags.external_data})) {
    std::cout << file.filename().string() << ": "
              << readable_bytes(static_cast<int64_t>(fs::file_size(file))) << '\n';
  }
  std::cout << "checkpoint " << checkpoint.filename().string() << " (" << flags.weights
            << " weights, " << with_thousands(count_parameters(model.unet)) << " parameters)\n"
            << NextCommand(program, "info").word(flags.checkpoint).line() << std::endl;
  return 0;
}

}  // namespace

Command export_command() {
  return {.name = "export",
          .summary = "a checkpoint in another program's form",
          .example = "ddpm export --checkpoint runs/clothes --out clothes.onnx --format onnx",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const Backend& backend) {
              return run_export(*values, backend.program);
            };
          }};
}

}  // namespace ddpm
