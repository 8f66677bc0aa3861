// What a run or a checkpoint is, without loading its network.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/checkpoints/checkpoint.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/diffusers/model_config.h"
#include "ddpm/diffusers/model_folder.h"
#include "ddpm/export/origin.h"
#include "ddpm/formats/dtype.h"

namespace ddpm {

struct InfoRequest {
  std::string path = {};  // a run (its newest checkpoint), a checkpoint or a folder of diffusers'
  std::string variant = {};  // of the weights, such as "fp16"; "": the plain ones
};

// A checkpoint whose descriptions were read; of its weights no more than the hash is known.
struct CheckpointInfo {
  std::filesystem::path checkpoint;
  std::vector<UnusableCheckpoint> passed_over;  // newer ones of the run
  ModelFolder folder;
  ModelConfig model;
  WeightsFiles weights;
  std::string hash;  // over all files that are read of it
};

// The weights' files, opened so far as to know that they are this network's.
struct WeightsInfo {
  std::vector<std::string> files;  // below the folder
  std::vector<DType> dtypes;
};

// Throws InvalidArgument "info: .." for a path that does not exist; what resolve_checkpoint,
// read_model_config and find_weights throw.
CheckpointInfo inspect(const InfoRequest& request);

// Throws FormatError for weights that are not the network's, IoError.
WeightsInfo inspect_weights(const CheckpointInfo& info);

// What training carries from step to step; nothing for a checkpoint that no run made.
std::optional<TrainingState> inspect_training(const CheckpointInfo& info);

}  // namespace ddpm
