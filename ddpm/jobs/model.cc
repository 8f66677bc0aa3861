#include "ddpm/jobs/model.h"

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/engine/engine_network.h"
#include "ddpm/jobs/schedules.h"
#include "ddpm/jobs/threads.h"
#include "ddpm/kernels/cpu_path.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace {

constexpr size_t kHashDigits = 16;

// A label is given just where the network has classes, and is one of them.
void check_class(const std::string& command, const ModelRequest& request, const UNetConfig& unet) {
  const std::string got = request.label ? std::to_string(*request.label) : "none";
  if (unet.classes == 0) {
    DDPM_CHECK(!request.label, command, ": --class: the network has no classes, got ", got);
  } else {
    DDPM_CHECK(request.label && *request.label < unet.classes, command, ": --class: wanted 0 to ",
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
std::string weights_text(const BareNetwork& network, const ModelRequest& request) {
  std::string which =
      has_training_state(network.checkpoint) ? weights_name(request.weights) + " " : "";
  if (network.folder.kind == FolderKind::kTraining) which = name_of(network.folder.network) + " ";
  return concat(which, "weights",
                network.weights.variant.empty() ? "" : " of variant " + network.weights.variant);
}

// A checkpoint that can be used, and the files in it that the request selects.
struct LocatedModel {
  std::filesystem::path checkpoint;
  ModelFolder folder;
  WeightsFiles weights;
};

LocatedModel locate_model(const std::string& command, const ModelRequest& request) {
  DDPM_CHECK(std::filesystem::exists(request.checkpoint), command,
             ": --checkpoint: ", request.checkpoint, " does not exist");
  const auto checkpoint = require_checkpoint(command, "--checkpoint", request.checkpoint);
  const ModelFolder folder = find_model_folder(checkpoint, request.weights.ema);
  const WeightsFiles weights = find_weights(folder, request.weights);
  return {checkpoint, folder, weights};
}

struct OpenedNetwork {
  NetworkBackend backend;
  NetworkPointer network;
};

OpenedNetwork open_network(const std::string& command, const std::filesystem::path& checkpoint,
                           const ModelRequest& request, const TorchHooks& hooks,
                           const Watch& watch) {
  const NetworkBackend backend = choose_backend(command, request.backend, request.device, hooks);
  warn(watch, too_many_threads_line(command, backend, request.threads, usable_cores()));
  return {backend, open_network(backend, checkpoint,
                                {.weights = request.weights,
                                 .device = request.device,
                                 .precision = request.precision,
                                 .threads = request.threads,
                                 .label = request.label.value_or(kNoLabel)},
                                hooks)};
}

}  // namespace

Precision precision_used(NetworkBackend backend, const ModelRequest& request) {
  return backend == NetworkBackend::kEngine ? precision_in_use(request.precision, choose_cpu_path())
                                            : request.precision;
}

std::string weights_name(const WeightsChoice& weights) { return weights.ema ? "ema" : "raw"; }

BareNetwork open_bare_network(const std::string& command, const ModelRequest& request,
                              const TorchHooks& hooks, const Watch& watch) {
  const auto [checkpoint, folder, weights] = locate_model(command, request);
  const UNetConfig unet = read_network_config(folder);
  check_class(command, request, unet);
  const auto [backend, network] = open_network(command, checkpoint, request, hooks, watch);
  return {checkpoint, folder, weights, unet, backend, network};
}

Model open_model(const std::string& command, const ModelRequest& request, const TorchHooks& hooks,
                 const Watch& watch) {
  const auto [checkpoint, folder, weights] = locate_model(command, request);
  const ModelConfig config = read_model_config(folder);
  check_class(command, request, config.unet);
  check_learned_times(checkpoint, config);
  const auto [backend, network] = open_network(command, checkpoint, request, hooks, watch);
  return {checkpoint,
          folder,
          weights,
          checkpoint_hash(checkpoint, request.weights).substr(0, kHashDigits),
          config,
          backend,
          device_kind(backend, request.device, hooks),
          hooks.libtorch_version,
          network,
          NoisePredictor(network, make_schedule(config.schedule), config.prediction,
                         config.unet.learned_variance)};
}

void add_model_text(PngText& text, const Model& model, const ModelRequest& request) {
  const bool by_torch = model.backend == NetworkBackend::kLibTorch;
  text["weights"] = weights_name(request.weights);
  text["precision"] = name_of(kPrecisions, precision_used(model.backend, request));
  text["executor"] = to_string(model.backend);
  text["device"] = model.device;
  text["libtorch"] = by_torch ? model.libtorch : "none";
  text["checkpoint"] = model.hash;
  text["class"] = request.label ? std::to_string(*request.label) : "none";
}

std::string describe(const BareNetwork& network, const ModelRequest& request) {
  const UNetConfig& unet = network.unet;
  std::string text =
      concat("checkpoint ", name_of(network.checkpoint), " (", weights_text(network, request), ", ",
             with_thousands(count_parameters(unet)), " parameters, ", unet.height, "x", unet.width,
             ", ", unet.image_channels, unet.image_channels == 1 ? " channel" : " channels",
             request.label ? concat(", class ", *request.label) : "", ")");
  if (network.weights.only_variant) {
    text += concat("\nonly the weights of the variant ", network.weights.variant, " are there");
  }
  const Precision precision = precision_used(network.backend, request);
  if (precision != request.precision) {
    text += concat("\ncomputed in ", name_of(kPrecisions, precision), ": without instructions for ",
                   name_of(kPrecisions, request.precision), ", which the kernels ",
                   name_of(choose_cpu_path()), " lack, it would be slower and less exact");
  }
  return text;
}

std::string describe(const Model& model, const ModelRequest& request) {
  std::string text = describe(BareNetwork{model.checkpoint, model.folder, model.weights,
                                          model.config.unet, model.backend, model.network},
                              request);
  if (model.folder.scheduler.empty()) {
    text += "\nno scheduler_config.json: the process is a DDPMScheduler's with nothing said: " +
            concat(schedule_text(model.config.schedule), ", ", to_string(model.config.prediction),
                   ", ", to_string(model.config.variance));
  }
  return text;
}

}  // namespace ddpm
