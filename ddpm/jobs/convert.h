// The weights of another system as a checkpoint of ours.

#pragma once

#include <filesystem>

#include "ddpm/convert/convert.h"
#include "ddpm/jobs/watch.h"

namespace ddpm {

struct ConvertRequest {
  SourceSystem system;
  std::filesystem::path weights = {};  // its state dictionary, a safetensors file
  ConvertSettings settings = {};
  std::filesystem::path out = {};  // the folder to make, new
};

// Makes the folder and those that it lies in. Throws what convert_weights and write_converted
// throw; nothing is written then. It is short and does not stop.
ConvertedModel convert(const ConvertRequest& request, const Watch& watch);

}  // namespace ddpm
