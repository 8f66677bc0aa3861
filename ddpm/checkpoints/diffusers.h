// diffusers' description of a network and its process: what DDPMPipeline.from_pretrained opens.
//
//   model_index.json                 that it is a DDPMPipeline
//   unet/config.json                 UNet2DModel, see formats/unet_config.h
//   scheduler/scheduler_config.json  DDPMScheduler; of others also DDIM, PNDM or DPM-Solver
//
// diffusers counts times 0 .. T - 1 where this library counts 1 .. T; no number in these files
// depends on that.

#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "ddpm/checkpoints/model_config.h"
#include "ddpm/checkpoints/train_config.h"
#include "ddpm/formats/unet_config.h"

namespace ddpm {

inline constexpr const char* kDiffusersWeightsName = "unet/diffusion_pytorch_model.safetensors";
inline constexpr const char* kDiffusersSchedulerName = "scheduler/scheduler_config.json";

ModelConfig model_config_of(const TrainConfig& config, const UNetConfig& unet);

// The texts of the three files by their names, every field written out. The sampling that is
// described is this library's own: x_0 clipped to [-1, 1], times that begin at T ("trailing").
std::map<std::string, std::string> diffusers_texts(const ModelConfig& model);

// Reads the three files of a folder. Throws IoError; FormatError that names the file and the key
// for what this library cannot do as it is described. As in diffusers, a key that the scheduler
// lacks has diffusers' default, and keys that start with '_' say nothing; see scheduler_config.h
// for the four classes of schedulers.
ModelConfig read_model_config(const std::filesystem::path& folder);

}  // namespace ddpm
