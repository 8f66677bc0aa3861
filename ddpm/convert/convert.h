// A state dictionary of another system as a checkpoint of ours, which is also diffusers'.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/convert/settings.h"
#include "ddpm/diffusers/model_config.h"
#include "ddpm/diffusers/parameters.h"

namespace ddpm {

struct ConvertedModel {
  SourceSystem system;
  ModelConfig model;
  ParameterValues values;
  std::vector<std::string> assumed;  // as in SettledModel
  std::string prefix;                // of the set that was taken
  int64_t taken = 0;                 // tensors of it
  int64_t outside = 0;               // tensors of the file that are not of this set
};

// Reads a safetensors file with the system's own names. Throws IoError; FormatError for a file that
// is no such network or no UNet2DModel, InvalidArgument for settings that do not go with it, as
// read_state_dictionary, source_layout, settle and tensor_sources say; NotFinite that names the
// first tensor with a number that is not finite.
ConvertedModel convert_weights(const std::filesystem::path& weights, SourceSystem system,
                               const ConvertSettings& settings);

// Makes the folder `path`, which must not exist, appear whole or not at all, with the three files
// of diffusers_texts and the weights. Throws IoError.
void write_converted(const std::filesystem::path& path, const ConvertedModel& converted,
                     FileLayer& files = real_files());

}  // namespace ddpm
