#include "ddpm/cli/sampling_job.h"

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/engine/engine_network.h"
#include "ddpm/jobs/executor.h"
#include "ddpm/jobs/threads.h"
#include "ddpm/kernels/cpu_path.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

constexpr size_t kHashDigits = 16;

// A label is given just where the network has classes, and is one of them.
void check_class(const std::string& command, const ModelFlags& flags, const UNetConfig& unet) {
  const std::string got = flags.label ? std::to_string(*flags.label) : "none";
  if (unet.classes == 0) {
    DDPM_CHECK(!flags.label, command, ": --class: the network has no classes, got ", got);
  } else {
    DDPM_CHECK(flags.label && *flags.label < unet.classes, command, ": --class: wanted 0 to ",
               unet.classes - 1, ", the network's classes, got ", got);
  }
}

// A table that ends before the process does would be noticed on the way.
void check_learned_times(const std::filesystem::path& checkpoint, const ModelConfig& config) {
  const int64_t times = config.unet.learned_times;
  if (times == 0 || times >= config.schedule.T) return;
  throw FormatError(concat(checkpoint.string(), ": the network has learned ", times,
                           " times, wanted those of its schedule, ", config.schedule.T));
}

// Of a folder its own name, however the path is written.
std::string name_of(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder.lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

// "ema weights"; of a folder that does not say which they are, "weights".
std::string weights_text(const BareNetwork& network, const ModelFlags& flags) {
  std::string which = has_training_state(network.checkpoint) ? flags.weights + " " : "";
  if (network.folder.kind == FolderKind::kTraining) which = name_of(network.folder.network) + " ";
  return concat(which, "weights",
                network.weights.variant.empty() ? "" : " of variant " + network.weights.variant);
}

std::string process_text(const ModelConfig& model) {
  const ScheduleConfig& schedule = model.schedule;
  return concat(to_string(schedule.kind), ", T = ", schedule.T, ", beta from ",
                shortest(schedule.beta_1), " to ", shortest(schedule.beta_T), ", ",
                to_string(model.prediction), ", ", to_string(model.variance));
}

}  // namespace

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
  flags.choice("--executor", values.executor, {"auto", "engine", "libtorch"},
               "what runs it: the engine of this program, for the CPU, or LibTorch; auto takes the "
               "engine on a CPU");
  flags.optional_integer("--class", values.label,
                         "which of its classes a network that has classes is to show", 0);
  flags.integer("--threads", values.threads,
                "0: one for each core that the process may use, within its CPU quota", 0, 4096);
}

std::string precision_used(const std::string& executor, const ModelFlags& flags) {
  if (executor != kEngineName) return flags.precision;
  const Precision asked = value_named(kPrecisions, "--precision", flags.precision);
  return name_of(kPrecisions, precision_in_use(asked, choose_cpu_path()));
}

ExecutorOptions executor_options(const ModelFlags& flags) {
  return {.weights = {.ema = flags.weights == "ema", .variant = flags.variant},
          .executor = flags.executor,
          .device = flags.device,
          .precision = value_named(kPrecisions, "--precision", flags.precision),
          .threads = flags.threads,
          .label = flags.label.value_or(kNoLabel)};
}

namespace {

// A checkpoint that can be used, and the files in it that the flags select.
struct LocatedModel {
  std::filesystem::path checkpoint;
  ExecutorOptions options;
  ModelFolder folder;
  WeightsFiles weights;
};

LocatedModel locate_model(const std::string& command, const ModelFlags& flags) {
  DDPM_CHECK(std::filesystem::exists(flags.checkpoint), command,
             ": --checkpoint: ", flags.checkpoint, " does not exist");
  const auto checkpoint = require_checkpoint(command, "--checkpoint", flags.checkpoint);
  const ExecutorOptions options = executor_options(flags);
  const ModelFolder folder = find_model_folder(checkpoint, options.weights.ema);
  const WeightsFiles weights = find_weights(folder, options.weights);
  return {checkpoint, options, folder, weights};
}

}  // namespace

BareNetwork open_bare_network(const std::string& command, const ModelFlags& flags,
                              const TorchHooks& hooks) {
  const auto [checkpoint, options, folder, weights] = locate_model(command, flags);
  const UNetConfig unet = read_network_config(folder);
  check_class(command, flags, unet);
  const std::string executor = choose_executor(command, options, hooks);
  return {checkpoint, folder,   weights,
          unet,       executor, open_network(executor, checkpoint, options, hooks)};
}

Model open_model(const std::string& command, const ModelFlags& flags, const TorchHooks& hooks) {
  const auto [checkpoint, options, folder, weights] = locate_model(command, flags);
  const ModelConfig config = read_model_config(folder);
  check_class(command, flags, config.unet);
  check_learned_times(checkpoint, config);
  const std::string executor = choose_executor(command, options, hooks);
  warn_of_too_many_threads(command, executor, options.threads);
  const NetworkPointer network = open_network(executor, checkpoint, options, hooks);
  return {checkpoint,
          folder,
          weights,
          checkpoint_hash(checkpoint, options.weights).substr(0, kHashDigits),
          config,
          executor,
          device_kind(executor, options.device, hooks),
          hooks.libtorch_version,
          network,
          NoisePredictor(network, make_schedule(config.schedule), config.prediction,
                         config.unet.learned_variance)};
}

void add_model_text(PngText& text, const Model& model, const ModelFlags& flags) {
  text["weights"] = flags.weights;
  text["precision"] = precision_used(model.executor, flags);
  text["executor"] = model.executor;
  text["device"] = model.device;
  text["libtorch"] = model.executor == "libtorch" ? model.libtorch : "none";
  text["checkpoint"] = model.hash;
  text["class"] = flags.label ? std::to_string(*flags.label) : "none";
}

std::string describe(const BareNetwork& network, const ModelFlags& flags) {
  const UNetConfig& unet = network.unet;
  std::string text =
      concat("checkpoint ", name_of(network.checkpoint), " (", weights_text(network, flags), ", ",
             with_thousands(count_parameters(unet)), " parameters, ", unet.height, "x", unet.width,
             ", ", unet.image_channels, unet.image_channels == 1 ? " channel" : " channels",
             flags.label ? concat(", class ", *flags.label) : "", ")");
  if (network.weights.only_variant) {
    text += concat("\nonly the weights of the variant ", network.weights.variant, " are there");
  }
  const std::string precision = precision_used(network.executor, flags);
  if (precision != flags.precision) {
    text += concat("\ncomputed in ", precision, ": without instructions for ", flags.precision,
                   ", which the kernels ", name_of(choose_cpu_path()),
                   " lack, it would be slower and less exact");
  }
  return text;
}

std::string describe(const Model& model, const ModelFlags& flags) {
  std::string text = describe(BareNetwork{model.checkpoint, model.folder, model.weights,
                                          model.config.unet, model.executor, model.network},
                              flags);
  if (model.folder.scheduler.empty()) {
    text += "\nno scheduler_config.json: the process is a DDPMScheduler's with nothing said: " +
            process_text(model.config);
  }
  return text;
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
