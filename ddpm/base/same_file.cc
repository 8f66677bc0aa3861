#include "ddpm/base/same_file.h"

#include <dirent.h>
#include <sys/stat.h>

#include <memory>
#include <set>
#include <system_error>
#include <vector>

namespace ddpm {

namespace fs = std::filesystem;

namespace {

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

struct Entry {
  fs::path path;
  FileIdentity identity;
  bool is_folder;
};

// What is in a folder, links followed. (The inode numbers of readdir alone are not those of stat on
// every file system.)
std::vector<Entry> entries_of(const fs::path& folder) {
  std::vector<Entry> found;
  const Folder open(::opendir(folder.c_str()), ::closedir);
  if (!open) return found;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string name = entry->d_name;
    struct stat status {};
    if (name == "." || name == "..") continue;
    if (::fstatat(::dirfd(open.get()), entry->d_name, &status, 0) != 0) continue;
    found.push_back({folder / name, {status.st_dev, status.st_ino}, S_ISDIR(status.st_mode)});
  }
  return found;
}

}  // namespace

std::optional<FileIdentity> identity_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

std::optional<fs::path> find_in_folder(const fs::path& folder, const FileIdentity& file,
                                       const std::function<bool(const fs::path& name)>& counts) {
  std::vector<fs::path> left = {folder};
  std::set<FileIdentity> entered;
  while (!left.empty()) {
    const fs::path now = left.back();
    left.pop_back();
    const auto identity = identity_of(now);
    if (!identity || !entered.insert(*identity).second) continue;
    for (const Entry& entry : entries_of(now)) {
      if (entry.identity == file && counts(entry.path)) return entry.path;
      if (entry.is_folder) left.push_back(entry.path);
    }
  }
  return std::nullopt;
}

bool lies_in_folder(const fs::path& path, const fs::path& folder) {
  const auto wanted = identity_of(folder);
  std::error_code error;
  fs::path at = fs::weakly_canonical(path, error);
  if (!wanted || error) return false;
  while (identity_of(at) != wanted) {
    if (at == at.parent_path()) return false;
    at = at.parent_path();
  }
  return true;
}

}  // namespace ddpm
