// What only a program with LibTorch can do, handed to the commands as functions.
//
// Every command is written once, here. `ddpm` is built without LibTorch and gives an empty
// TorchHooks: a command that misses a function of it (NeedsTorch, executor.h) replaces the process
// by `ddpm-torch`, which lies beside it and gives a full one.

#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ddpm/config/train_config.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/diffusion/network.h"
#include "ddpm/unet/call.h"
#include "ddpm/unet/precision.h"

namespace ddpm {

// How a network is run.
struct ExecutorOptions {
  WeightsChoice weights;
  std::string executor = "auto";  // "engine", "libtorch"
  std::string device = "cpu";     // "cpu", "auto", "cuda", "cuda:N"
  Precision precision = Precision::kFloat32;
  int64_t threads = 0;       // 0: one for each usable core
  int64_t label = kNoLabel;  // the class of all images; kNoLabel: the network has no classes
};

// What `train` was asked for.
struct TrainRequest {
  TrainConfig config;                   // of a new run, or what was asked for beside --resume
  std::vector<std::string> given_keys;  // the configuration keys that the command line named
  std::filesystem::path run;            // --out, or --resume
  bool resume = false;
  bool allow_other_data = false;
  double fit_seconds = 0.0;  // of `plan`: say how many steps fit into this; 0: do not
  std::chrono::steady_clock::time_point began;  // when the program was started
  std::string program;                          // as it was started
  std::string next;  // of `plan`: the line that says how to train what was planned
};

// The next numbers of a generator: standard normal, float32.
using NormalDraws = std::function<void(std::span<float> values)>;

struct TorchHooks {
  // When the program was started, before a hand-over too.
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::string program = "ddpm";  // as it was started, for the commands that are suggested
  std::string libtorch_version = "none";
  std::function<int(const TrainRequest& request)> train;
  std::function<int(const TrainRequest& request)> plan;
  // Whether the device "auto" is a GPU.
  std::function<bool()> has_gpu;
  // Opens the network of a checkpoint folder with LibTorch, with a vector-Jacobian product.
  std::function<NetworkPointer(const std::filesystem::path& checkpoint,
                               const ExecutorOptions& options)>
      open_network;
  // PyTorch's CPU generator of a seed: each call gives what torch.randn gives for so many values.
  std::function<NormalDraws(uint64_t seed)> torch_normal;
};

}  // namespace ddpm
