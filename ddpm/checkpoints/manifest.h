// The list of a checkpoint's files with their sizes and SHA-256 sums.
//
// It is what makes a checkpoint believable: a folder whose files are not exactly what its manifest
// says is damaged. docs/formats.md has the grammar.

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace ddpm {

inline constexpr const char* kManifestName = "manifest.json";

struct ManifestEntry {
  int64_t bytes = 0;
  std::string sha256;  // 64 lower-case hexadecimal digits
  bool operator==(const ManifestEntry&) const = default;
};

// By path below the folder, with '/' between its parts. The manifest itself is not in it.
using Manifest = std::map<std::string, ManifestEntry>;

std::string manifest_text(const Manifest& manifest);

// Throws NewerVersion for a manifest of a newer version; FormatError that starts with `who` for
// anything else than a manifest of this one, also for a path that leaves the folder.
Manifest parse_manifest(std::string_view text, const std::string& who);

// That of a folder, by itself. Throws what parse_manifest throws, FormatError if it is missing,
// IoError.
Manifest read_manifest(const std::filesystem::path& folder);

// Reads every file of the folder's manifest. Throws FormatError that names the first file that is
// missing or is of another size or sum; NewerVersion; IoError if one cannot be read. Files that the
// manifest does not name are left alone.
Manifest verify_folder(const std::filesystem::path& folder);

}  // namespace ddpm
