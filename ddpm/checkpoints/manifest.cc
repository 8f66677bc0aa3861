#include "ddpm/checkpoints/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/format_version.h"
#include "ddpm/base/json.h"
#include "ddpm/base/sha256.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFormat = "ddpm checkpoint";
constexpr int64_t kVersion = 1;
constexpr int64_t kMaxBytes = 1 << 20;

bool is_sum(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Relative, with no part that goes up, and written in the one normal way.
bool stays_inside(const std::string& name) {
  const fs::path path(name);
  return !name.empty() && path.is_relative() && name == path.lexically_normal().string() &&
         std::find(path.begin(), path.end(), "..") == path.end();
}

ManifestEntry parse_entry(const std::string& name, const Json& json, const std::string& who) {
  const bool known = json.is_object() && json.size() == 2 && json.contains("bytes") &&
                     json.contains("sha256") && json["bytes"].is_number_integer() &&
                     json["sha256"].is_string();
  if (!known || !stays_inside(name)) {
    throw FormatError(concat(who, ": ", json_shown(Json(name)),
                             " is no entry of a manifest: ", json_shown(json)));
  }
  ManifestEntry entry{json["bytes"].get<int64_t>(), json["sha256"].get<std::string>()};
  if (entry.bytes < 0 || !is_sum(entry.sha256)) {
    throw FormatError(concat(who, ": ", json_shown(Json(name)),
                             " has no size or SHA-256 sum: ", json_shown(json)));
  }
  return entry;
}

// What is missing is damage; what is there and refuses to be read is not.
void check_not_missing(const fs::path& path) {
  std::error_code error;
  if (fs::status(path, error).type() == fs::file_type::not_found) {
    throw FormatError(concat(path.string(), ": missing"));
  }
}

void verify_file(const fs::path& folder, const std::string& name, const ManifestEntry& wanted) {
  const fs::path path = folder / name;
  check_not_missing(path);
  const InputFile file(path);
  if (file.size() != wanted.bytes) {
    throw FormatError(
        concat(path.string(), ": expected ", wanted.bytes, " bytes, got ", file.size()));
  }
  const std::string sum = sha256_of_file(file);
  if (sum != wanted.sha256) {
    throw FormatError(concat(path.string(), ": wanted SHA-256 ", wanted.sha256, ", got ", sum));
  }
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  Json json = {{"format", kFormat}, {"version", kVersion}, {"files", Json::object()}};
  for (const auto& [name, entry] : manifest) {
    json["files"][name] = {{"bytes", entry.bytes}, {"sha256", entry.sha256}};
  }
  return json_text(json);
}

Manifest parse_manifest(std::string_view text, const std::string& who) {
  const Json json = parse_json(text, who);
  const bool known = json.is_object() && json.contains("format") && json.contains("version") &&
                     json["format"] == kFormat;
  if (!known) throw FormatError(concat(who, ": not a manifest of format '", kFormat, "'"));
  check_format_version(json["version"], kVersion, who);  // before keys that only a newer one knows
  if (json.size() != 3 || !json.contains("files") || !json["files"].is_object()) {
    throw FormatError(concat(who, ": expected the keys format, version and files"));
  }
  Manifest manifest;
  for (const auto& [name, entry] : json["files"].items()) {
    manifest[name] = parse_entry(name, entry, who);
  }
  return manifest;
}

Manifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifestName;
  check_not_missing(path);
  return parse_manifest(read_file(path, kMaxBytes), path.string());
}

Manifest verify_folder(const fs::path& folder) {
  Manifest manifest = read_manifest(folder);
  for (const auto& [name, entry] : manifest) verify_file(folder, name, entry);
  return manifest;
}

}  // namespace ddpm
