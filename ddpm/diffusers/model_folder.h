// The folders in which diffusers' DDPM networks lie, and what is where in them.
//
//   a pipeline          model_index.json, and for the network and the scheduler a folder each,
//   unet/
//                       and scheduler/; what has no folder lies beside model_index.json
//   a training folder   unet/, or unet_ema/ with averaged weights beside it; no model_index.json
//   a network alone     config.json and its weights
//
// A checkpoint of this program is a pipeline with more in it.

#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "ddpm/diffusers/weights_files.h"

namespace ddpm {

inline constexpr const char* kDiffusersIndexName = "model_index.json";

enum class FolderKind { kPipeline, kTraining, kNetwork };

// Which weights are wanted, where a folder has several.
struct WeightsChoice {
  bool ema = true;      // the averaged ones; false: those the optimiser left
  std::string variant;  // "fp16"; "" for the plain ones
};

struct ModelFolder {
  FolderKind kind;
  std::filesystem::path root;
  std::filesystem::path network;     // the folder with config.json and the weights
  std::filesystem::path scheduler;   // scheduler_config.json; empty: DDPMScheduler's defaults
  std::string pipeline;              // what model_index.json says; else ""
  std::string scheduler_class;       // the same
  std::string scheduler_error = {};  // why the process cannot be read; the network can
};

// What model_index.json says of a DDPM.
struct ModelIndex {
  std::string pipeline;              // DDPMPipeline, DDIMPipeline or PNDMPipeline
  std::string scheduler;             // a class of diffusers'; "" if it names none
  std::string scheduler_error = {};  // why it names none
};

// Throws FormatError that starts with `who` for another pipeline, and for any component that is
// neither a UNet2DModel called unet nor a scheduler. What is wrong with the scheduler is no error
// here: the bare network needs none.
ModelIndex parse_model_index(std::string_view text, const std::string& who);

// False for a folder that has nothing of these.
bool is_model_folder(const std::filesystem::path& folder);

// Reads model_index.json and looks what else is there. Throws InvalidArgument if is_model_folder is
// false; FormatError; IoError.
ModelFolder find_model_folder(const std::filesystem::path& folder, bool ema = true);

// The weights of a folder. Averaged ones that are not told apart from others are found both as the
// averaged and, in a training folder, as the raw ones. Throws what find_weights_files throws;
// InvalidArgument if the raw ones are wanted and the folder has one set alone.
WeightsFiles find_weights(const ModelFolder& model, const WeightsChoice& choice = {});

// "a pipeline (DDPMPipeline), each part in its folder".
std::string layout_text(const ModelFolder& model);

}  // namespace ddpm
