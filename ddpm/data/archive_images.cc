#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/run_layout.h"
#include "ddpm/base/text.h"
#include "ddpm/data/archive_images_internal.h"
#include "ddpm/data/known_layouts_internal.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using Kind = ArchiveEntry::Kind;

constexpr int kMaxLinks = 40;  // in a chain, as Linux has it
constexpr const char* kFolderLinks = "links to folders that are read already";

// "./a//b/../c" becomes "a/c"; nothing if it leads out of the archive. An absolute name counts from
// the top, as tar unpacks it.
std::optional<std::string> normal_name(std::string_view name) {
  std::vector<std::string> parts;
  for (std::string& part : split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (parts.empty()) {
      return std::nullopt;
    } else {
      parts.pop_back();
    }
  }
  return join(parts, "/");
}

// What is done with an archive in one pass, and with what it leaves open in a second one.
class ArchiveImageReader {
 public:
  ArchiveImageReader(const fs::path& path, int64_t limit_bytes, const GiveUp& give_up)
      : path_(path), limit_(limit_bytes) {
    handlers_.give_up = give_up;
    handlers_.fail = [this](const ArchiveEntry& entry, const std::string& reason) {
      add_bad(plain(entry.name), reason);
    };
  }

  ArchiveImages run() {
    read_images();
    const std::set<std::string> missing = resolve_links();
    if (!missing.empty()) {
      read_targets(missing);
      resolve_links();
    }
    for (const auto& link : open_links_) fail_link(link.first, link.second);
    leave_out_runs();
    Listing& listing = images_.listing;
    for (const auto& image : images_.bytes) listing.images.push_back(image.first);
    for (const auto& bad : listing.bad) listing.images.push_back(bad.first);
    std::sort(listing.images.begin(), listing.images.end());
    if (!hidden_folders_.empty()) {
      listing.left_out["hidden folders"] = std::ssize(hidden_folders_);
    }
    return std::move(images_);
  }

 private:
  // As the entry will be called; a name that leads out of the archive stays as it is.
  static std::string plain(const std::string& name) { return normal_name(name).value_or(name); }

  void read_images() {
    handlers_.wants = [this](const ArchiveEntry& entry) { return is_image(plain(entry.name)); };
    handlers_.take = [this](const ArchiveEntry& entry, std::string bytes) {
      add_image(plain(entry.name), std::make_shared<const std::string>(std::move(bytes)));
    };
    handlers_.pass = [this](const ArchiveEntry& entry) { add_link(entry); };
    handlers_.trailing = [this](int64_t bytes) {
      images_.listing.notes.push_back(concat(with_thousands(bytes),
                                             " bytes follow the end of the archive and were not "
                                             "read; a second archive there has to be split off"));
    };
    read_archive(path_, handlers_);
    handlers_.trailing = {};
  }

  // Reads files that were passed over, because links lead to them.
  void read_targets(const std::set<std::string>& names) {
    handlers_.wants = [&names](const ArchiveEntry& entry) {
      return names.count(plain(entry.name)) > 0;
    };
    handlers_.take = [this](const ArchiveEntry& entry, std::string bytes) {
      count_bytes(bytes);
      targets_[plain(entry.name)] = std::make_shared<const std::string>(std::move(bytes));
    };
    handlers_.pass = [](const ArchiveEntry&) {};
    handlers_.fail = [](const ArchiveEntry&, const std::string&) {};
    read_archive(path_, handlers_);
  }

  // Counts what is none.
  bool is_image(const std::string& name) {
    if (is_hidden(name)) return false;
    if (is_image_name(name)) return true;
    images_.listing.leave_out_file(name);
    notice_run(name);
    return false;
  }

  // Run folders are known by the same names as in a folder tree, see is_run_folder.
  void notice_run(const std::string& name) {
    constexpr std::string_view kConfig = "/config.json";
    constexpr std::string_view kLog = "/metrics.jsonl";
    constexpr std::string_view kCheckpoints = "/checkpoints/";
    if (name.ends_with(kConfig)) configured_.insert(name.substr(0, name.size() - kConfig.size()));
    if (name.ends_with(kLog)) trained_.insert(name.substr(0, name.size() - kLog.size()));
    const size_t at = name.find(kCheckpoints);
    if (at == std::string::npos) return;
    const std::string_view rest = std::string_view(name).substr(at + kCheckpoints.size());
    if (is_checkpoint_name(rest.substr(0, rest.find('/')))) trained_.insert(name.substr(0, at));
  }

  void leave_out_runs() {
    for (const std::string& folder : configured_) {
      if (trained_.count(folder) == 0) continue;
      ++images_.listing.left_out["run folders of ddpm"];
      erase_below(images_.bytes, folder + "/");
      erase_below(images_.listing.bad, folder + "/");
    }
  }

  template <typename Value>
  static void erase_below(std::map<std::string, Value>& files, const std::string& folder) {
    auto file = files.lower_bound(folder);
    while (file != files.end() && file->first.starts_with(folder)) file = files.erase(file);
  }

  // A hidden folder counts as one, whatever it holds, as in a folder that is not entered.
  bool is_hidden(const std::string& name) {
    size_t begin = 0;
    while (begin < name.size()) {
      const size_t end = std::min(name.find('/', begin), name.size());
      if (is_hidden_part(std::string_view(name).substr(begin, end - begin))) {
        if (end == name.size()) {
          ++images_.listing.left_out["hidden files"];
        } else {
          hidden_folders_.insert(name.substr(0, end));
        }
        return true;
      }
      begin = end + 1;
    }
    return false;
  }

  void count_bytes(const std::string& bytes) {
    total_ += static_cast<int64_t>(bytes.size());
    DDPM_CHECK(total_ <= limit_, "data: expected an archive with at most ", readable_bytes(limit_),
               " of image files, got more in ", escaped(path_.string()),
               "; unpack it and give the folder");
  }

  void add_image(const std::string& name, std::shared_ptr<const std::string> bytes) {
    if (images_.bytes.count(name) > 0) total_ -= std::ssize(*images_.bytes[name]);
    count_bytes(*bytes);
    forget(name);
    images_.bytes[name] = std::move(bytes);
  }

  void add_bad(const std::string& name, const std::string& reason) {
    forget(name);
    images_.listing.bad[name] = reason;
  }

  // What came under this name before is replaced, as by unpacking.
  void forget(const std::string& name) {
    images_.bytes.erase(name);
    images_.listing.bad.erase(name);
    open_links_.erase(name);
    links_.erase(name);
  }

  void add_link(const ArchiveEntry& entry) {
    if (entry.kind == Kind::kSpecial) {
      ++images_.listing.left_out["FIFOs, sockets and devices"];
      return;
    }
    const std::string name = plain(entry.name);
    const auto target = target_of(entry, name);
    const bool hidden = is_hidden(name);
    forget(name);
    if (target) links_[name] = *target;
    if (hidden) return;
    const auto earlier = target ? images_.bytes.find(*target) : images_.bytes.end();
    if (entry.kind == Kind::kHardLink && is_image_name(name) && earlier != images_.bytes.end()) {
      images_.bytes[name] = earlier->second;  // a later file of that name would be another one
      return;
    }
    open_links_[name] = entry.target;
  }

  // Where a link leads, from the top of the archive; nothing if out of it.
  static std::optional<std::string> target_of(const ArchiveEntry& entry, const std::string& name) {
    if (entry.kind == Kind::kHardLink) return normal_name(entry.target);
    if (entry.target.starts_with('/')) return std::nullopt;
    const size_t slash = name.rfind('/');
    return normal_name(
        concat(name.substr(0, slash == std::string::npos ? 0 : slash), "/", entry.target));
  }

  // The name with every link in it followed; nothing if it leads out of the archive or in circles.
  std::optional<std::string> follow(std::string name) const {
    for (int links = 0; links <= kMaxLinks; ++links) {
      const auto next = follow_first(name);
      if (!next) return name;
      if (next->empty()) return std::nullopt;
      name = *next;
    }
    return std::nullopt;
  }

  // The name with the first link in it followed, "" if it leads out of the archive; nothing if
  // there is no link in it.
  std::optional<std::string> follow_first(const std::string& name) const {
    for (size_t end = 0; end < name.size();) {
      end = std::min(name.find('/', end + 1), name.size());
      const auto link = links_.find(name.substr(0, end));
      if (link != links_.end()) return normal_name(link->second + name.substr(end)).value_or("");
    }
    return std::nullopt;
  }

  // Gives links the bytes of their files; returns the names of files whose bytes are not here.
  std::set<std::string> resolve_links() {
    std::set<std::string> missing;
    for (auto link = open_links_.begin(); link != open_links_.end();) {
      if (handlers_.give_up) handlers_.give_up();
      link = resolve(link->first, missing) ? open_links_.erase(link) : std::next(link);
    }
    return missing;
  }

  // Whether nothing is left to do for this link.
  bool resolve(const std::string& name, std::set<std::string>& missing) {
    const auto target = links_.count(name) > 0 ? follow(name) : std::nullopt;
    if (!target) return false;
    const auto image = images_.bytes.lower_bound(*target + "/");
    if (image != images_.bytes.end() && image->first.starts_with(*target + "/")) {
      ++images_.listing.left_out[kFolderLinks];
      return true;
    }
    if (!is_image_name(name)) {
      images_.listing.leave_out_file(name);
      return true;
    }
    for (const auto& files : {&images_.bytes, &targets_}) {
      const auto file = files->find(*target);
      if (file == files->end()) continue;
      images_.bytes[name] = file->second;
      return true;
    }
    missing.insert(*target);
    return false;
  }

  void fail_link(const std::string& name, const std::string& target) {
    if (!is_image_name(name)) return images_.listing.leave_out_file(name);
    images_.listing.bad[name] =
        concat("a link to ", shown_name(target), ", which cannot be read from the archive");
  }

  const fs::path& path_;
  int64_t limit_;
  int64_t total_ = 0;
  ArchiveHandlers handlers_;
  ArchiveImages images_;
  std::map<std::string, std::string> links_;       // every link, to its target from the top
  std::map<std::string, std::string> open_links_;  // those without bytes, to their target as given
  std::map<std::string, std::shared_ptr<const std::string>> targets_;  // of other names
  std::set<std::string> hidden_folders_;
  std::set<std::string> configured_;  // folders with a config.json in them
  std::set<std::string> trained_;     // folders with a run's log or a checkpoint in them
};

}  // namespace

ArchiveImages read_archive_images(const fs::path& path, int64_t limit_bytes,
                                  const GiveUp& give_up) {
  return ArchiveImageReader(path, limit_bytes, give_up).run();
}

}  // namespace ddpm
