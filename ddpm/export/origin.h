// ddpm.json: what a folder of diffusers' has no word for, beside its other files.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "ddpm/base/json.h"

namespace ddpm {

inline constexpr const char* kOriginName = "ddpm.json";

// Where the weights of an exported folder come from; docs/export.md has the keys.
struct ExportOrigin {
  std::string weights;          // "ema" or "raw"; "" where that is not known
  std::string dtype;            // of the file: "fp32", "fp16" or "bf16"
  std::string source;           // SHA-256 that names the checkpoint they were taken from
  std::optional<int64_t> step;  // of that checkpoint, if it said so
  std::string version;          // of the ddpm that wrote this
  bool operator==(const ExportOrigin&) const = default;
};

Json origin_json(const ExportOrigin& origin);

// That of a folder, or nothing if it has no ddpm.json. Throws FormatError that names the file and
// the key for one that is not what origin_json writes; IoError.
std::optional<ExportOrigin> read_origin(const std::filesystem::path& folder);

}  // namespace ddpm
