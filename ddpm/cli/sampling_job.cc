#include "ddpm/cli/sampling_job.h"

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/diffusion/schedule_kinds.h"

namespace ddpm {

namespace {

constexpr size_t kHashDigits = 16;

}  // namespace

void declare_model_flags(Flags& flags, ModelFlags& values) {
  flags.text("--checkpoint", values.checkpoint, "RUN|CHECKPOINT",
             "a run (its newest checkpoint) or a checkpoint folder");
  flags.choice("--weights", values.weights, {"ema", "raw"},
               "the averaged weights or those the optimiser left");
  flags.choice("--precision", values.precision, {"fp32", "bf16"}, "of the network's arithmetic");
  flags.text("--device", values.device, "auto|cpu|cuda[:N]", "where the network runs");
  flags.integer("--threads", values.threads, "0: one for each core", 0, 4096);
}

ExecutorOptions executor_options(const ModelFlags& flags) {
  return {.ema = flags.weights == "ema",
          .device = flags.device,
          .precision = flags.precision,
          .threads = flags.threads};
}

Model open_model(const std::string& command, const ModelFlags& flags, const Backend& backend) {
  DDPM_CHECK(std::filesystem::exists(flags.checkpoint), command,
             ": --checkpoint: ", flags.checkpoint, " does not exist");
  const auto checkpoint = resolve_checkpoint(flags.checkpoint);
  const ModelConfig config = read_model_config(checkpoint);
  const Network network = backend.open_network(checkpoint, executor_options(flags));
  return {checkpoint, checkpoint_hash(checkpoint).substr(0, kHashDigits), config, network,
          NoisePredictor(network, make_schedule(config.schedule), config.prediction,
                         config.unet.learned_variance)};
}

std::string describe(const Model& model, const ModelFlags& flags) {
  const UNetConfig& unet = model.config.unet;
  return concat("checkpoint ", model.checkpoint.filename().string(), " (", flags.weights,
                " weights, ", with_thousands(count_parameters(unet)), " parameters, ", unet.height,
                "x", unet.width, ", ", unet.image_channels,
                unet.image_channels == 1 ? " channel)" : " channels)");
}

void add_model_flags(NextCommand& next, const ModelFlags& flags) {
  const ModelFlags defaults;
  next.flag("--checkpoint", flags.checkpoint)
      .flag_unless(defaults.weights, "--weights", flags.weights)
      .flag_unless(defaults.precision, "--precision", flags.precision)
      .flag_unless(defaults.device, "--device", flags.device)
      .flag_unless(defaults.threads, "--threads", flags.threads);
}

}  // namespace ddpm
