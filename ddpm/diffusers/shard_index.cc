#include "ddpm/diffusers/shard_index.h"

#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"

namespace ddpm {

namespace {

constexpr const char* kMap = "weight_map";
constexpr const char* kMetadata = "metadata";
constexpr const char* kTotal = "total_size";

bool is_plain_name(const std::string& name) {
  constexpr std::string_view kEnding = ".safetensors";
  for (const char c : name) {
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20) return false;
  }
  return name.size() > kEnding.size() && name.ends_with(kEnding);
}

std::optional<int64_t> read_total(const Json& json, const std::string& who) {
  if (!json.contains(kMetadata)) return std::nullopt;
  const Json& metadata = json[kMetadata];
  if (!metadata.is_object()) {
    throw FormatError(
        concat(who, ": ", kMetadata, ": wanted an object, got ", json_shown(metadata)));
  }
  if (!metadata.contains(kTotal)) return std::nullopt;
  const Json& total = metadata[kTotal];
  if (!total.is_number_unsigned() || total.get<uint64_t>() > uint64_t{INT64_MAX}) {
    throw FormatError(
        concat(who, ": ", kTotal, ": wanted a number of bytes from 0, got ", json_shown(total)));
  }
  return total.get<int64_t>();
}

}  // namespace

ShardIndex parse_shard_index(std::string_view text, const std::string& who) {
  const Json json = parse_json(text, who);
  if (!json.is_object() || !json.contains(kMap) || !json[kMap].is_object() || json[kMap].empty()) {
    throw FormatError(concat(who, ": wanted an object with ", kMap,
                             ", the file of each tensor, got ", json_shown(json)));
  }
  for (const auto& [key, value] : json.items()) {
    if (key != kMap && key != kMetadata) {
      throw FormatError(concat(who, ": unknown key ", json_shown(Json(key))));
    }
  }
  ShardIndex index;
  index.total_bytes = read_total(json, who);
  for (const auto& [name, file] : json[kMap].items()) {
    if (!file.is_string() || !is_plain_name(file.get<std::string>())) {
      throw FormatError(concat(who, ": tensor ", json_shown(Json(name)),
                               ": wanted the plain name of a .safetensors file in this folder, "
                               "got ",
                               json_shown(file)));
    }
    index.file_of[name] = file.get<std::string>();
  }
  return index;
}

}  // namespace ddpm
