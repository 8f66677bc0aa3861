// Which files of a folder hold a network's weights, by the names that diffusers gives them.
//
//   diffusion_pytorch_model.safetensors                     all of them, or
//   diffusion_pytorch_model.safetensors.index.json          an index of several files, and
//   diffusion_pytorch_model-00001-of-00002.safetensors      these, under any names
//
// A variant has its name before the last ending: diffusion_pytorch_model.fp16.safetensors,
// diffusion_pytorch_model.safetensors.index.fp16.json.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ddpm {

inline constexpr const char* kWeightsName = "diffusion_pytorch_model.safetensors";

struct WeightsFiles {
  std::filesystem::path index;        // where the weights are in several files; else empty
  std::filesystem::path whole;        // where they are in one
  std::string variant;                // "" for the plain one
  bool only_variant = false;          // nothing was asked for, and this is all there is
  std::vector<std::string> variants;  // all that the folder has, but for the plain one
};

// The files of this variant, "" for none: then the plain ones, or where there are none the only
// variant. Where there are an index and a whole file the index counts, as in diffusers. Nothing is
// read but names. Throws InvalidArgument that lists the variants if the wanted one is not there, or
// none is named and there are several; FormatError if there is nothing, saying how to convert it
// where there is a file of PyTorch's own.
WeightsFiles find_weights_files(const std::filesystem::path& folder, const std::string& variant);

}  // namespace ddpm
