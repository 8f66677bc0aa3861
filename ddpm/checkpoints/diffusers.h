// diffusers' description of a network and its process: what DDPMPipeline.from_pretrained opens.
//
//   model_index.json                 that it is a DDPMPipeline
//   unet/config.json                 UNet2DModel, see formats/unet_config.h
//   scheduler/scheduler_config.json  DDPMScheduler
//
// diffusers counts times 0 .. T - 1 where this library counts 1 .. T; no number in these files
// depends on that.

#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "ddpm/base/json.h"
#include "ddpm/checkpoints/train_config.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/formats/unet_config.h"

namespace ddpm {

inline constexpr const char* kDiffusersWeightsName = "unet/diffusion_pytorch_model.safetensors";

// What it takes to sample from a network.
struct ModelConfig {
  UNetConfig unet;
  ScheduleConfig schedule;
  Prediction prediction = Prediction::kEps;
  Variance variance = Variance::kFixedLarge;  // of a reverse step; learned if that of unet is
};

ModelConfig model_config_of(const TrainConfig& config, const UNetConfig& unet);

// The texts of the three files by their names, every field written out. The sampling that is
// described is this library's own: x_0 clipped to [-1, 1], times that begin at T ("trailing").
std::map<std::string, std::string> diffusers_texts(const ModelConfig& model);

// The process of a scheduler_config.json, as read_model_config reads it; the network is left as it
// is by default. Throws FormatError that starts with `who`.
ModelConfig parse_scheduler(std::string_view text, const std::string& who);

// Reads the three files of a folder. Throws IoError; FormatError that names the file and the key
// for what this library cannot do as it is described. As in diffusers, a key that the scheduler
// lacks has diffusers' default, and keys that start with '_' say nothing. timestep_spacing only
// tells which times a shorter sampling visits, which is the sampler's to choose here.
ModelConfig read_model_config(const std::filesystem::path& folder);

}  // namespace ddpm
