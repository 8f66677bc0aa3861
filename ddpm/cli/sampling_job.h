// What the commands that sample share: a checkpoint made ready, and how its chain is walked.

#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/data/transform.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/formats/png.h"
#include "ddpm/jobs/torch_hooks.h"
#include "ddpm/parity/switches.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/terminal/flags.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

struct ModelFlags {
  std::string checkpoint;
  std::string weights = "ema";
  std::string variant;
  std::string device = "auto";
  std::string executor = "auto";
  std::string precision = "fp32";
  int64_t threads = 0;
  std::optional<int64_t> label;  // --class
};

void declare_model_flags(Flags& flags, ModelFlags& values);

inline constexpr const char* kOfCheckpoint = "checkpoint";  // as the checkpoint says it
inline constexpr const char* kOfParity = "parity";          // as --parity says it

// The word for each switch, kOfParity unless it has a flag of its own.
class SwitchWords {
 public:
  SwitchWords() { words_.fill(kOfParity); }
  std::string& operator[](ParitySwitch value) { return words_[static_cast<size_t>(value)]; }
  const std::string& operator[](ParitySwitch value) const {
    return words_[static_cast<size_t>(value)];
  }
  // Whether the flag of this switch asks for what other programs do.
  bool is_theirs(ParitySwitch value) const { return (*this)[value] == row_of(value).theirs; }

 private:
  std::array<std::string, kParitySwitches> words_;
};

struct SamplerFlags {
  std::string sampler = kOfCheckpoint;
  int64_t steps = 0;
  double eta = 0.0;
  double churn = 0.0;
  std::string spacing = kOfCheckpoint;
  std::string respacing;
  std::vector<int64_t> times;
  std::string variance = kOfCheckpoint;
  std::string clip = kOfCheckpoint;  // or "no" or the range as a number
  double threshold_quantile = 0.0;
  double threshold_max = 1.0;
  bool no_clip = false;
  bool raw_eps = false;
  std::string parity = "none";
  SwitchWords switches;
};

inline constexpr const char* kStepsHelp = "reverse steps; 0: all T by ddpm, 50 by the others";

void declare_sampler_flags(Flags& flags, SamplerFlags& values,
                           const std::string& steps_help = kStepsHelp);

// The network of a checkpoint, which needs no scheduler that can be read.
struct BareNetwork {
  std::filesystem::path checkpoint;
  ModelFolder folder;
  WeightsFiles weights;
  UNetConfig unet;
  std::string executor;  // which one runs the network, "engine" or "libtorch"
  NetworkPointer network;
};

// A checkpoint whose network can be called.
struct Model {
  std::filesystem::path checkpoint;
  ModelFolder folder;
  WeightsFiles weights;
  std::string hash;  // of the checkpoint, short
  ModelConfig config;
  std::string executor;  // which one runs the network, "engine" or "libtorch"
  std::string device;    // "cpu" or "cuda", whatever its number
  std::string libtorch;  // the version that this program has; "none"
  NetworkPointer network;
  NoisePredictor predictor;

  BatchShape shape(int64_t images) const {
    return {images, config.unet.image_channels, config.unet.height, config.unet.width};
  }
};

// A chain: which times, by which rule; what the flags leave open is as the checkpoint says.
struct Chain {
  std::vector<int64_t> times;
  SamplerOptions options;
  Parity parity;                           // what the options' planner does otherwise
  Rounding rounding = Rounding::kNearest;  // of the images to 8 bits
  PngText text;                            // what a PNG says of it: sampler, steps, eta, ..
};

// The precision that the network is run in: the one asked for, but on a CPU without instructions
// for bfloat16 the engine computes in float32.
std::string precision_used(const std::string& executor, const ModelFlags& flags);

// How the network is to be run.
ExecutorOptions executor_options(const ModelFlags& flags);

// Throws InvalidArgument for a checkpoint that is not there or a class that its network does not
// have, FormatError for a checkpoint that cannot be used, NeedsTorch.
Model open_model(const std::string& command, const ModelFlags& flags, const TorchHooks& hooks);

// The network alone. Throws as open_model does, but for what is wrong with the process.
BareNetwork open_bare_network(const std::string& command, const ModelFlags& flags,
                              const TorchHooks& hooks);

Chain chain_of(const std::string& command, const SamplerFlags& flags, const ModelConfig& model);

// Everything that the network's output depends on, by name: the checkpoint's hash (over all files
// that are read), weights, precision, executor, device, version of LibTorch, class.
void add_model_text(PngText& text, const Model& model, const ModelFlags& flags);

// "checkpoint 00003000 (ema weights, 1,112,801 parameters, 28x28, 1 channel)", and a line more for
// each thing that nothing said: the process of a folder without a scheduler, the only variant, a
// precision that is not the one asked for.
std::string describe(const Model& model, const ModelFlags& flags);
std::string describe(const BareNetwork& network, const ModelFlags& flags);

// The flags that differ from their defaults, put behind a command that is suggested.
void add_model_flags(NextCommand& next, const ModelFlags& flags);
void add_sampler_flags(NextCommand& next, const SamplerFlags& flags);

}  // namespace ddpm
