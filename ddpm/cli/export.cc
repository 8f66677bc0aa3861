// `ddpm export`: a checkpoint in the form that another program opens.

#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/export_job.h"
#include "ddpm/terminal/output.h"

namespace ddpm {

namespace {

constexpr const char* kOnnx = "onnx";

std::shared_ptr<ExportFlags> declare(Flags& flags) {
  auto values = std::make_shared<ExportFlags>();
  flags.text("--checkpoint", values->checkpoint, "RUN|CHECKPOINT",
             "a run (its newest checkpoint), a checkpoint or a folder of diffusers'");
  flags.text("--out", values->out, "DIR|FILE.onnx",
             "the folder to make, new or empty; of onnx the file");
  flags.choice("--format", values->format, {"diffusers", "diffusers-legacy", kOnnx},
               "what DDPMPipeline.from_pretrained opens; -legacy: with the names of attention and "
               "the settings that its first releases had (0.2.4); onnx: the network for any ONNX "
               "runtime");
  flags.choice("--weights", values->weights, {"ema", "raw"},
               "the averaged weights or those the optimiser left");
  flags.text("--variant", values->variant, "NAME",
             "of diffusers' folders: the weights in diffusion_pytorch_model.NAME.safetensors");
  flags.choice("--dtype", values->dtype, {"fp32", "fp16", "bf16"},
               "of the weights in diffusers' files, rounded to the nearest");
  flags.text("--max-shard-size", values->max_shard_size, "SIZE",
             "more weights than this go into several of diffusers' files; bytes, or such as 500MB");
  flags.text("--license", values->license, "NAME",
             "for diffusers' model card, such as mit or cc-by-4.0");
  flags.toggle("--allow-log-variance", values->allow_log_variance,
               "export a network of variance 'learned' to diffusers, too, though it takes the "
               "logarithm for the variance and samples wrongly");
  flags.toggle("--external-data", values->external_data,
               "of onnx: the weights in FILE.onnx.data, as is done in any case from 2 GiB on");
  return values;
}

// Flags that only other formats have.
void check_format(const ExportFlags& flags) {
  const ExportFlags defaults;
  const bool onnx = flags.format == kOnnx;
  const auto belongs = [&flags](bool given, const char* flag, const char* format) {
    DDPM_CHECK(!given, "export: ", flag, " belongs to --format ", format, ", got --format ",
               flags.format);
  };
  DDPM_CHECK(onnx || !flags.out.ends_with(".onnx"), "export: --out: ", flags.out,
             " has the ending of an ONNX file, wanted a folder or --format onnx");
  belongs(!onnx && flags.external_data, "--external-data", "onnx");
  const char* folders = "diffusers or diffusers-legacy";
  belongs(onnx && flags.dtype != defaults.dtype, "--dtype", folders);
  belongs(onnx && flags.max_shard_size != defaults.max_shard_size, "--max-shard-size", folders);
  belongs(onnx && !flags.license.empty(), "--license", folders);
  belongs(onnx && flags.allow_log_variance, "--allow-log-variance", folders);
}

int run_export(const ExportFlags& flags, const std::string& program) {
  require_given("export", "--checkpoint", flags.checkpoint, "a run or a checkpoint folder");
  require_given("export", "--out", flags.out, "the folder or file to make");
  check_format(flags);
  return flags.format == kOnnx ? export_as_onnx(flags, program)
                               : export_as_diffusers(flags, program);
}

}  // namespace

Command export_command() {
  return {.name = "export",
          .summary = "a checkpoint in the form that another program opens",
          .example = "ddpm export --checkpoint runs/clothes --out clothes --dtype fp16",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_export(*values, hooks.program);
            };
          }};
}

}  // namespace ddpm
