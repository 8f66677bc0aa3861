#include "ddpm/cli/model_flags.h"

namespace ddpm {

void declare_model_flags(Flags& flags, ModelFlags& values) {
  flags.text("--checkpoint", values.checkpoint, "RUN|CHECKPOINT",
             "a run (its newest checkpoint), a checkpoint or a folder of diffusers'");
  flags.choice("--weights", values.weights, {"ema", "raw"},
               "the averaged weights or those the optimiser left");
  flags.text("--variant", values.variant, "NAME",
             "of diffusers' folders: the weights in diffusion_pytorch_model.NAME.safetensors");
  flags.choice("--precision", values.precision, names_of(kPrecisions),
               "of the network's arithmetic");
  flags.text("--device", values.device, "auto|cpu|cuda[:N]", "where the network runs");
  flags.choice("--executor", values.executor, names_of(kNetworkBackends),
               "what runs it: the engine of this program, for the CPU, or LibTorch; auto takes the "
               "engine on a CPU");
  flags.optional_integer("--class", values.label,
                         "which of its classes a network that has classes is to show", 0);
  flags.integer("--threads", values.threads,
                "0: one for each core that the process may use, within its CPU quota", 0, 4096);
}

ModelRequest model_request(const ModelFlags& flags) {
  return {.checkpoint = flags.checkpoint,
          .weights = {.ema = flags.weights == "ema", .variant = flags.variant},
          .device = flags.device,
          .backend = value_named(kNetworkBackends, "--executor", flags.executor),
          .precision = value_named(kPrecisions, "--precision", flags.precision),
          .threads = flags.threads,
          .label = flags.label};
}

void add_model_flags(NextCommand& next, const ModelFlags& flags) {
  const ModelFlags defaults;
  next.flag("--checkpoint", flags.checkpoint)
      .flag_unless(defaults.weights, "--weights", flags.weights)
      .flag_unless(defaults.variant, "--variant", flags.variant)
      .flag_unless(defaults.precision, "--precision", flags.precision)
      .flag_unless(defaults.device, "--device", flags.device)
      .flag_unless(defaults.executor, "--executor", flags.executor)
      .flag_unless(defaults.threads, "--threads", flags.threads);
  if (flags.label) next.flag("--class", *flags.label);
}

}  // namespace ddpm
