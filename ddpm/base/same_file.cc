#include "ddpm/base/same_file.h"

#include <dirent.h>
#include <sys/stat.h>

#include <memory>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

namespace ddpm {

namespace fs = std::filesystem;

namespace {

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

constexpr int64_t kMaxEntries = 2'000'000;      // that folder_around looks at: a second or two
constexpr int64_t kEntriesBetweenStops = 1000;  // about a millisecond

// Calls found(path, identity) for what is in a folder tree, links followed, until it returns false.
// With `folders_alone` only folders have an identity, and most files are not asked for theirs.
// (The inode numbers of readdir alone are not those of stat on every file system.)
template <typename Found>
class TreeWalk {
 public:
  TreeWalk(bool folders_alone, const std::function<void()>& give_up, const Found& found)
      : folders_alone_(folders_alone), give_up_(give_up), found_(found) {}

  void run(const fs::path& folder) {
    std::vector<fs::path> left = {folder};
    std::set<FileIdentity> entered;
    while (!left.empty() && !ended_) {
      const fs::path now = left.back();
      left.pop_back();
      const auto identity = identity_of(now);
      if (identity && entered.insert(*identity).second) list(now, left);
    }
  }

 private:
  void list(const fs::path& folder, std::vector<fs::path>& left) {
    if (give_up_) give_up_();
    const Folder open(::opendir(folder.c_str()), ::closedir);
    if (!open) return;
    while (const dirent* entry = ::readdir(open.get())) {
      if (give_up_ && ++entries_ % kEntriesBetweenStops == 0) give_up_();
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      visit(::dirfd(open.get()), *entry, folder / name, left);
      if (ended_) return;
    }
  }

  void visit(int folder, const dirent& entry, fs::path path, std::vector<fs::path>& left) {
    const bool may_be_folder =
        entry.d_type == DT_DIR || entry.d_type == DT_LNK || entry.d_type == DT_UNKNOWN;
    struct stat status {};
    const bool asked = may_be_folder || !folders_alone_;
    const bool is_there = asked && ::fstatat(folder, entry.d_name, &status, 0) == 0;
    const bool is_folder = is_there && S_ISDIR(status.st_mode);
    std::optional<FileIdentity> identity;
    if (is_folder || (is_there && !folders_alone_)) identity = {status.st_dev, status.st_ino};
    ended_ = !found_(path, identity);
    if (is_folder) left.push_back(std::move(path));
  }

  bool folders_alone_;
  const std::function<void()>& give_up_;
  const Found& found_;
  int64_t entries_ = 0;
  bool ended_ = false;
};

// The identities of `path` and of all folders that it lies in, of those that exist.
std::set<FileIdentity> identities_upwards(const fs::path& path) {
  std::set<FileIdentity> found;
  std::error_code error;
  fs::path at = fs::weakly_canonical(path, error);
  if (error || at.empty()) return found;
  while (true) {
    if (const auto identity = identity_of(at)) found.insert(*identity);
    if (at == at.parent_path()) return found;
    at = at.parent_path();
  }
}

}  // namespace

std::optional<FileIdentity> identity_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

bool is_named(int descriptor, const fs::path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::optional<fs::path> find_in_folder(const fs::path& folder, const FileIdentity& file,
                                       const std::function<bool(const fs::path& name)>& counts,
                                       const std::function<void()>& give_up) {
  std::optional<fs::path> name;
  const auto found = [&](const fs::path& path, const std::optional<FileIdentity>& identity) {
    if (identity == file && counts(path)) name = path;
    return !name;
  };
  TreeWalk(false, give_up, found).run(folder);
  return name;
}

bool lies_in_folder(const fs::path& path, const fs::path& folder) {
  const auto top = identity_of(folder);
  return top && identities_upwards(path).count(*top) > 0;
}

std::optional<fs::path> folder_around(const fs::path& path, const fs::path& folder,
                                      const std::function<void()>& give_up) {
  const auto top = identity_of(folder);
  if (!top) return std::nullopt;
  const std::set<FileIdentity> around = identities_upwards(path);
  if (around.count(*top) > 0) return folder;
  std::optional<fs::path> name;
  int64_t entries = 0;
  const auto found = [&](const fs::path& entry, const std::optional<FileIdentity>& identity) {
    if (identity && around.count(*identity) > 0) name = entry;
    return !name && ++entries < kMaxEntries;
  };
  TreeWalk(true, give_up, found).run(folder);
  return name;
}

}  // namespace ddpm
