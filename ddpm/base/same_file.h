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

// Whether the open file or folder is what `path` names, a link not followed.
bool is_named(int descriptor, const std::filesystem::path& path);

// Those that find something walk a folder tree, links to folders followed and no folder entered
// twice. Folders that cannot be read are passed over. `give_up`, which may be empty, is called for
// every folder and at every thousandth entry; what it throws ends the walk and reaches the caller.

// The name under which `file` lies in the folder tree, if `counts` accepts it; nothing if it does
// not.
std::optional<std::filesystem::path> find_in_folder(
    const std::filesystem::path& folder, const FileIdentity& file,
    const std::function<bool(const std::filesystem::path& name)>& counts,
    const std::function<void()>& give_up = {});

// Whether `path`, which need not exist, is `folder` or lies below it; links inside `folder` are not
// followed.
bool lies_in_folder(const std::filesystem::path& path, const std::filesystem::path& folder);

// The name of a folder of the tree, `folder` among them, that `path` is or lies in, whether or not
// `path` exists: folder/link if a link in the folder leads to where `path` lies. Nothing if there
// is none among the first two million entries of the tree.
std::optional<std::filesystem::path> folder_around(const std::filesystem::path& path,
                                                   const std::filesystem::path& folder,
                                                   const std::function<void()>& give_up = {});

}  // namespace ddpm
