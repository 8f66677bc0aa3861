// Files by what they are, not by what they are called.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace ddpm {

// A file of this machine: two names with equal identities are one file.
struct FileIdentity {
  uint64_t device;
  uint64_t inode;
  bool operator==(const FileIdentity&) const = default;
  bool operator<(const FileIdentity& other) const {  // for ordered containers
    return device != other.device ? device < other.device : inode < other.inode;
  }
};

// Of what `path` leads to, links followed; nothing if there is nothing.
std::optional<FileIdentity> identity_of(const std::filesystem::path& path);

// The name under which `file` lies in the folder tree, links followed, if `counts` accepts it;
// nothing if it does not. Folders that cannot be read are passed over.
std::optional<std::filesystem::path> find_in_folder(
    const std::filesystem::path& folder, const FileIdentity& file,
    const std::function<bool(const std::filesystem::path& name)>& counts);

// Whether `path`, which need not exist, is `folder` or lies in its tree, links followed.
bool lies_in_folder(const std::filesystem::path& path, const std::filesystem::path& folder);

}  // namespace ddpm
