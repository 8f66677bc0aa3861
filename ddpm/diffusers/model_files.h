// diffusers' description of a network and its process: what DDPMPipeline.from_pretrained opens. It
// is written so, and read from every folder of model_folder.h.
//
//   model_index.json                 that it is a DDPMPipeline
//   unet/config.json                 UNet2DModel, see unet/config.h
//   scheduler/scheduler_config.json  DDPMScheduler; of others also DDIM, PNDM or DPM-Solver
//
// diffusers counts times 0 .. T - 1 where this library counts 1 .. T; no number in these files
// depends on that.

#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/diffusers/model_config.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/unet/config.h"

namespace ddpm {

inline constexpr const char* kDiffusersUNetName = "unet/config.json";
inline constexpr const char* kDiffusersWeightsName = "unet/diffusion_pytorch_model.safetensors";
inline constexpr const char* kDiffusersSchedulerName = "scheduler/scheduler_config.json";

// The texts of the three files by their names, every field written out. The sampling that is
// described is this library's own: x_0 clipped to [-1, 1], times that begin at T ("trailing").
std::map<std::string, std::string> diffusers_texts(const ModelConfig& model);

// Reads what a folder says of its network and its process; without a scheduler_config.json the
// process is a DDPMScheduler's with nothing said, of variance learned_range for a network of twice
// as many outputs. Throws IoError; FormatError that names the file and the key for what this
// library cannot do as it is described, and for a scheduler of another class than model_index.json
// says. As in diffusers, a key that a file lacks has diffusers' default, and keys that start with
// '_' say nothing; see scheduler_config.h for the four classes of schedulers.
ModelConfig read_model_config(const ModelFolder& folder);
ModelConfig read_model_config(const std::filesystem::path& folder);

// The network alone, whatever the folder's scheduler is; also of a folder without one.
UNetConfig read_network_config(const ModelFolder& folder);

// The two descriptions of a folder with every field written out, as diffusers itself would save
// them; of a folder without a scheduler_config.json the one that read_model_config takes for it.
//   unet       the folder's own network
//   defaulted  the keys that were left out, if asked for
// Throw as read_model_config does, but values are not looked at.
Json completed_network(const ModelFolder& folder, std::vector<std::string>* defaulted = nullptr);
Json completed_scheduler(const ModelFolder& folder, const UNetConfig& unet,
                         std::vector<std::string>* defaulted = nullptr);

// The keys that the network's config.json leaves out, with diffusers' defaults for them, each as
// "key = value".
std::vector<std::string> defaults_of_network(const ModelFolder& folder);
// The same of the scheduler's file; none of a folder without one.
std::vector<std::string> defaults_of_scheduler(const ModelFolder& folder);

}  // namespace ddpm
