// One checkpoint: a folder that says everything about a network and, beside it, about its training.
//
//   model_index.json  unet/  scheduler/   diffusers' layout, with the averaged weights
//   training/                             what only going on needs
//   manifest.json                         size and SHA-256 sum of each file above
//
// docs/formats.md has the grammar of each.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/checkpoints/state.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/diffusers/parameters.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

inline constexpr const char* kRawWeightsName = "training/raw.safetensors";
inline constexpr const char* kOptimizerName = "training/optimizer.safetensors";
inline constexpr const char* kTrainingStateName = "training/state.json";

// Throws NotFinite or InvalidArgument that names the array and the tensor unless every array
// belongs to state.unet and every number is finite.
void check_training_arrays(const TrainingState& state, const TrainingArrays& arrays);

// Bytes on the disk that a checkpoint of this network takes, rounded up.
int64_t checkpoint_bytes(const UNetConfig& unet);

// Makes the folder `path`, which must not exist, appear whole or not at all. The arrays are taken
// one at a time, twice: checked, then written; a few MiB are needed beside them. Nothing is written
// if check_training_arrays throws. Throws IoError.
void write_checkpoint(const std::filesystem::path& path, const TrainingState& state,
                      const TrainingArrays& arrays, FileLayer& files = real_files());

// Reads all of a checkpoint and compares it with its manifest. Throws FormatError or IoError that
// names the first file that is missing or damaged.
void verify_checkpoint(const std::filesystem::path& checkpoint);

// What stands for a network and its process: the SHA-256 of the manifest if that names every file
// that is read for them, and so of all that is in the checkpoint. Otherwise, as of the folders that
// other programs write, that of the manifest_text of the files that are read: the chosen weights
// and their index, config.json, scheduler_config.json and model_index.json. A change of any of them
// is another hash. Throws what find_weights throws.
std::string checkpoint_hash(const std::filesystem::path& checkpoint,
                            const WeightsChoice& choice = {});

// False for a folder that has only diffusers' part.
bool has_training_state(const std::filesystem::path& checkpoint);

// Throws InvalidArgument if the checkpoint has no training state; FormatError.
TrainingState read_training_state(const std::filesystem::path& checkpoint);

// The weights of any folder that find_model_folder takes, as float32, checked against `unet`.
// Throws as find_weights and Weights do.
ParameterValues read_weights(const std::filesystem::path& checkpoint, const UNetConfig& unet,
                             const WeightsChoice& choice);

enum class ArraySet { kEma, kRaw, kFirstMoment, kSecondMoment };

// One set, checked against `unet`, as bits as they were written. Every checkpoint has kEma, the
// weights of diffusers' part. Throws InvalidArgument if it lacks another set; FormatError.
ParameterValues read_arrays(const std::filesystem::path& checkpoint, const UNetConfig& unet,
                            ArraySet set);

// The same array by array: calls take(k, values) for each k of unet_parameters(unet), in order.
void for_each_array(const std::filesystem::path& checkpoint, const UNetConfig& unet, ArraySet set,
                    const std::function<void(size_t k, std::vector<float> values)>& take);

}  // namespace ddpm
