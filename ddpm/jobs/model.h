// A checkpoint made ready to be called.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "ddpm/diffusers/model_config.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/formats/png.h"
#include "ddpm/jobs/network_backend.h"
#include "ddpm/jobs/watch.h"

namespace ddpm {

struct ModelRequest {
  // A run (its newest checkpoint), a checkpoint or a folder of diffusers.
  std::string checkpoint = {};
  WeightsChoice weights = {};
  std::string device = "auto";  // or "cpu", "cuda", "cuda:N"
  NetworkBackend backend = NetworkBackend::kAuto;
  Precision precision = Precision::kFloat32;
  int64_t threads = 0;                // 0: one for each usable core
  std::optional<int64_t> label = {};  // the class of all images, of a network that has classes
};

// The network of a checkpoint, which needs no scheduler that can be read.
struct BareNetwork {
  std::filesystem::path checkpoint;
  ModelFolder folder;
  WeightsFiles weights;
  UNetConfig unet;
  NetworkBackend backend;  // which one runs the network, not kAuto
  NetworkPointer network;
};

// A checkpoint whose network can be called.
struct Model {
  std::filesystem::path checkpoint;
  ModelFolder folder;
  WeightsFiles weights;
  std::string hash;  // of the checkpoint, short
  ModelConfig config;
  NetworkBackend backend;  // which one runs the network, not kAuto
  std::string device;      // "cpu" or "cuda", whatever its number
  std::string libtorch;    // the version that this program has; "none"
  NetworkPointer network;
  NoisePredictor predictor;

  BatchShape shape(int64_t images) const {
    return {images, config.unet.image_channels, config.unet.height, config.unet.width};
  }
};

// The precision that the network is run in: the requested one, but on a CPU without instructions
// for bfloat16 the engine computes in float32.
Precision precision_used(NetworkBackend backend, const ModelRequest& request);

// "ema" or "raw".
std::string weights_name(const WeightsChoice& weights);

// Warns of more threads than cores. Throws InvalidArgument that starts with `command` for a
// checkpoint that is not there or a class that its network does not have, FormatError for a
// checkpoint that cannot be used, NeedsTorch.
Model open_model(const std::string& command, const ModelRequest& request, const TorchHooks& hooks,
                 const Watch& watch);

// The network alone. Throws as open_model does, but for what is wrong with the process.
BareNetwork open_bare_network(const std::string& command, const ModelRequest& request,
                              const TorchHooks& hooks, const Watch& watch);

// Everything that the network's output depends on, by name: the checkpoint's hash (over all files
// that are read), weights, precision, backend, device, version of LibTorch, class.
void add_model_text(PngText& text, const Model& model, const ModelRequest& request);

// "checkpoint 00003000 (ema weights, 1,112,801 parameters, 28x28, 1 channel)", and a line more for
// each thing that the checkpoint leaves open: the process of a folder without a scheduler, the only
// variant, another precision than the requested one.
std::string describe(const Model& model, const ModelRequest& request);
std::string describe(const BareNetwork& network, const ModelRequest& request);

}  // namespace ddpm
