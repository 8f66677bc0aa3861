// For tests: the networks of tests/golden/unet, whose numbers follow from names and indices.

#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/unet/config.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

// Number `index` of a name in [-1, 1), a multiple of 2^-23: the name's FNV-1a, xor the index times
// 2654435769, through the last mixing of MurmurHash3. tests/golden/unet/make.py has the same.
inline double golden_number(const std::string& name, uint32_t index) {
  uint32_t h = 2166136261U;
  for (const char byte : name) h = (h ^ static_cast<uint8_t>(byte)) * 16777619U;
  h ^= index * 2654435769U;
  h = (h ^ (h >> 16)) * 0x85EBCA6BU;
  h = (h ^ (h >> 13)) * 0xC2B2AE35U;
  h ^= h >> 16;
  return (h >> 8) * 0x1.0p-23 - 1.0;
}

// As make.py's `parameter`: computed in float64, rounded once.
inline std::vector<float> golden_parameter(const NamedShape& parameter) {
  const std::string& name = parameter.name;
  const bool table = name == "time_proj.weight" || name == "class_embedding.weight";
  double factor = 0.25;
  double middle = 0.0;
  if (table) {
    factor = 1.0;
  } else if (parameter.shape.size() > 1) {
    factor = std::sqrt(3.0 / static_cast<double>(parameter.count() / parameter.shape[0]));
  } else if (name.ends_with(".weight")) {
    middle = 1.0;
  }
  std::vector<float> values;
  for (int64_t i = 0; i < parameter.count(); ++i) {
    values.push_back(
        static_cast<float>(golden_number(name, static_cast<uint32_t>(i)) * factor + middle));
  }
  return values;
}

// The images, [2, C, H, W].
inline std::vector<float> golden_input(const UNetConfig& config) {
  std::vector<float> x(
      static_cast<size_t>(2 * config.image_channels * config.height * config.width));
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<float>(2.0 * golden_number("x", static_cast<uint32_t>(i)));
  }
  return x;
}

// The files, by their names without ending.
inline std::map<std::string, Json> golden_unet_files(const std::filesystem::path& source_folder) {
  constexpr int64_t kLargestFile = 1 << 22;
  std::map<std::string, Json> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_folder / "tests/golden/unet")) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() != ".json") continue;
    files[path.stem()] = parse_json(read_file(path, kLargestFile), path.string());
  }
  return files;
}

}  // namespace ddpm
