// What only a program with LibTorch can do, handed to the commands as functions.
//
// Every command is written once, here. `ddpm` is built without LibTorch and gives an empty
// TorchHooks: a command that misses a function of it (NeedsTorch, network_backend.h) replaces the
// process by `ddpm-torch`, which lies beside it and gives a full one.

#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "ddpm/diffusers/model_folder.h"
#include "ddpm/diffusion/network.h"
#include "ddpm/training/learner.h"
#include "ddpm/unet/call.h"
#include "ddpm/unet/precision.h"

namespace ddpm {

// How a backend runs a network.
struct BackendOptions {
  WeightsChoice weights;
  std::string device = "cpu";  // "cpu", "auto", "cuda", "cuda:N"
  Precision precision = Precision::kFloat32;
  int64_t threads = 0;       // 0: one for each usable core
  int64_t label = kNoLabel;  // the class of all images; kNoLabel: the network has no classes
};

// The next numbers of a generator: standard normal, float32.
using NormalDraws = std::function<void(std::span<float> values)>;

// What trains.
struct TrainingDevice {
  std::string name;     // "cpu", "cuda:0"
  int64_t threads = 1;  // that it works with
  LearnerFactory make_learner;
};

struct TorchHooks {
  // When the program was started, before a hand-over too.
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::string program = "ddpm";  // as it was started, for the commands that are suggested
  std::string libtorch_version = "none";
  // Where `train` and `plan` compute. Sets the number of threads, 0: one for each usable core, and
  // opens the device. Throws InvalidArgument that starts with `command` for a device that is not
  // there.
  std::function<TrainingDevice(const std::string& command, const std::string& device,
                               int64_t threads)>
      open_training;
  // Whether the device "auto" is a GPU.
  std::function<bool()> has_gpu;
  // Opens the network of a checkpoint folder with LibTorch, with a vector-Jacobian product.
  std::function<NetworkPointer(const std::filesystem::path& checkpoint,
                               const BackendOptions& options)>
      open_network;
  // PyTorch's CPU generator of a seed: each call gives what torch.randn gives for so many values.
  std::function<NormalDraws(uint64_t seed)> torch_normal;
};

}  // namespace ddpm
