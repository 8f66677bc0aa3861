#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/run_layout.h"
#include "ddpm/base/text.h"
#include "ddpm/data/listing_internal.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxEntries = 20'000'000;  // of a folder tree: ImageNet-21k has 14 million
constexpr size_t kMaxKinds = 1000;           // of endings that are told apart

enum class EntryKind { kFile, kFolder, kSpecial };

struct FolderEntry {
  std::string name;
  EntryKind kind;
  bool is_link;
};

bool operator<(const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; }

using OpenFolder = std::unique_ptr<DIR, int (*)(DIR*)>;

class FolderWalk {
 public:
  FolderWalk(const fs::path& top, const GiveUp& give_up) : top_(top), give_up_(give_up) {
    const int error = enter("");
    if (error != 0) {
      throw IoError(concat("data: cannot list the folder ", escaped(top.string()), ": ",
                           std::strerror(error)));
    }
    std::sort(listing_.images.begin(), listing_.images.end());
  }

  Listing take() { return std::move(listing_); }

 private:
  // Lists the folder `name`, "" or "a/b/", and all below it. Returns errno if it cannot be listed.
  int enter(const std::string& name) {
    std::vector<FolderEntry> entries;
    const int error = list(name, entries);
    if (error != 0) return error;
    std::sort(entries.begin(), entries.end());
    for (const FolderEntry& entry : entries) visit(name + entry.name, entry);
    return 0;
  }

  // The entries of one folder; none if it was entered before.
  int list(const std::string& name, std::vector<FolderEntry>& entries) {
    const int descriptor =
        ::open((top_ / name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return errno;
    const OpenFolder folder(::fdopendir(descriptor), ::closedir);
    if (folder == nullptr) {
      const int error = errno;
      ::close(descriptor);
      return error;
    }
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return errno;
    if (!entered_.insert({status.st_dev, status.st_ino}).second) {
      ++listing_.left_out["links to folders that are read already"];
      return 0;
    }
    errno = 0;
    while (const dirent* entry = ::readdir(folder.get())) {
      count_entry();
      const std::string_view child = entry->d_name;
      if (child != "." && child != "..") entries.push_back(entry_of(descriptor, *entry));
      errno = 0;
    }
    return errno;
  }

  void count_entry() {
    if (give_up_) give_up_();
    if (++entries_ <= kMaxEntries) return;
    throw FormatError(concat("data: expected at most ", with_thousands(kMaxEntries),
                             " files and folders in ", escaped(top_.string()),
                             ", got more; give a folder of a part"));
  }

  static FolderEntry entry_of(int folder, const dirent& entry) {
    const bool is_link = entry.d_type == DT_LNK;
    if (entry.d_type == DT_REG) return {entry.d_name, EntryKind::kFile, false};
    if (entry.d_type == DT_DIR) return {entry.d_name, EntryKind::kFolder, false};
    struct stat status {};
    // a link to nothing, or one that may not be followed, counts as a file that cannot be read
    if (::fstatat(folder, entry.d_name, &status, 0) != 0 || S_ISREG(status.st_mode)) {
      return {entry.d_name, EntryKind::kFile, is_link};
    }
    const bool is_folder = S_ISDIR(status.st_mode);
    return {entry.d_name, is_folder ? EntryKind::kFolder : EntryKind::kSpecial, is_link};
  }

  void visit(const std::string& name, const FolderEntry& entry) {
    const bool is_folder = entry.kind == EntryKind::kFolder;
    if (is_hidden_part(entry.name)) {
      ++listing_.left_out[is_folder ? "hidden folders" : "hidden files"];
    } else if (is_folder) {
      visit_folder(name);
    } else if (entry.kind == EntryKind::kSpecial) {
      ++listing_.left_out["FIFOs, sockets and devices"];
    } else if (is_image_name(name)) {
      listing_.images.push_back(name);
    } else {
      listing_.leave_out_file(name);
    }
  }

  void visit_folder(const std::string& name) {
    if (is_run_folder(top_ / name)) {
      ++listing_.left_out["run folders of ddpm"];
      return;
    }
    const int error = enter(name + "/");
    if (error == 0) return;
    listing_.images.push_back(name + "/");
    listing_.bad[name + "/"] = concat("the folder cannot be listed: ", std::strerror(error));
  }

  fs::path top_;
  const GiveUp& give_up_;
  Listing listing_;
  std::set<std::pair<dev_t, ino_t>> entered_;
  int64_t entries_ = 0;
};

}  // namespace

bool is_image_name(std::string_view name) {
  static constexpr std::array<std::string_view, 10> kEndings = {
      ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff"};
  const std::string lower = lower_case(name.substr(name.rfind('/') + 1));
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) {
    return lower.size() > ending.size() && lower.ends_with(ending);
  });
}

bool is_hidden_part(std::string_view part) {
  return part == "__MACOSX" || (part.size() > 1 && part[0] == '.' && part != "..");
}

std::string shown_name(const std::string& name) {
  constexpr size_t kLongest = 200;
  constexpr size_t kEnd = 60;
  if (name.size() <= kLongest) return escaped(name);
  return escaped(name.substr(0, kLongest - kEnd)) + ".." + escaped(name.substr(name.size() - kEnd));
}

void Listing::leave_out_file(const std::string& name) {
  const std::string ending = ending_of(name);
  const bool told_apart = left_out.size() < kMaxKinds || left_out.count(ending) > 0;
  ++left_out[told_apart ? ending : "other endings"];
  hints.see(name);
}

Listing list_folder(const fs::path& top, const GiveUp& give_up) {
  return FolderWalk(top, give_up).take();
}

void check_any_image(const Listing& listing, const std::string& where, const fs::path& path) {
  if (!listing.images.empty()) return;
  std::string got = "none and nothing else";
  if (!listing.left_out.empty()) got = concat("none but ", left_out_text(listing.left_out));
  const std::string advice = listing.hints.advice(path);
  throw FormatError(concat("data: expected images, files that end in ", kImageEndings, ", in ",
                           where, ", got ", got, advice.empty() ? "" : "; ", advice));
}

}  // namespace ddpm
