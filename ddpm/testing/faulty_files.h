// A disk that fails at a moment of the test's choosing: for tests of what survives a crash.
//
// It works on real files. Each operation of the FileLayer is counted; at the chosen one the power
// fails, and from then on every operation throws Cut. What a disk may then have forgotten is taken
// away by lose(): only what was synced has to be there. A file's bytes are durable once the file
// was synced; a name, new, renamed or removed, once its folder was.

#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/file.h"

namespace ddpm {

class FaultyFiles : public FileLayer {
 public:
  // Not an Error, so that no handler of the library's errors can take it for one.
  struct Cut : std::exception {
    const char* what() const noexcept override { return "the power failed here"; }
  };

  enum class Loss {
    kNothing,  // the disk had everything, synced or not
    kBytes,    // names are as they were, but bytes that were not synced are gone
    kNames,    // so are they, and names whose folder was not synced are as they were before
  };

  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // The power fails in operation `cut_at` (the first is 0), before it does anything; `torn` lets a
  // write or an append do the first half of its bytes. `attic` is a folder on the same disk,
  // outside of what is written; what is removed is kept there, as it may come back.
  explicit FaultyFiles(std::filesystem::path attic, int64_t cut_at = kNever, bool torn = false)
      : attic_(std::move(attic)), cut_at_(cut_at), torn_(torn) {
    std::filesystem::create_directories(attic_);
  }

  int64_t operations() const { return operations_; }  // asked for so far

  // A new file is a named one from the start, as on a file system without files that have no name.
  std::unique_ptr<NewFile> create(const std::filesystem::path& target) override {
    const std::filesystem::path path = normal(target);
    const std::string number = std::to_string(created_++);
    const std::filesystem::path temporary =
        path.parent_path() / (".tmp-" + std::string(16 - number.size(), '0') + number);
    put(temporary, {}, false);
    return std::make_unique<FaultyNewFile>(*this, temporary, path);
  }
  void write(const std::filesystem::path& path, std::span<const std::byte> bytes) override {
    put(normal(path), bytes, false);
  }
  void append(const std::filesystem::path& path, std::span<const std::byte> bytes) override {
    put(normal(path), bytes, true);
  }
  void sync(const std::filesystem::path& file_or_folder) override {
    count();
    const std::filesystem::path path = normal(file_or_folder);
    unsynced_.erase(path);
    changes_.erase(
        std::remove_if(changes_.begin(), changes_.end(),
                       [&](const Change& one) { return one.path.parent_path() == path; }),
        changes_.end());
  }
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    count();
    Change change{normal(to), normal(from), keep(normal(to))};
    real_files().rename(change.from, change.path);
    move_notes(change.from, change.path, changes_.size());
    changes_.push_back(change);
  }
  void make_folder(const std::filesystem::path& path) override {
    count();
    const std::filesystem::path folder = normal(path);
    std::filesystem::path made;
    for (const auto& part : folder) {
      made /= part;
      if (std::filesystem::exists(made)) continue;
      real_files().make_folder(made);
      changes_.push_back({made, {}, {}});
    }
  }
  void remove_all(const std::filesystem::path& path) override {
    if (torn_ && operations_ == cut_at_) remove_half(normal(path));
    count();
    const std::filesystem::path kept = keep(normal(path));
    if (!kept.empty()) changes_.push_back({normal(path), {}, kept});
  }

  // What is on the disk when the machine comes back. Call it once, after a Cut.
  void lose(Loss loss) {
    if (loss == Loss::kNothing) return;
    for (const auto& [path, durable] : unsynced_) {
      if (std::filesystem::exists(path)) std::filesystem::resize_file(path, durable);
    }
    if (loss == Loss::kBytes) return;
    while (!changes_.empty()) {
      const Change change = changes_.back();
      changes_.pop_back();
      undo(change);
    }
  }

 private:
  // A name that may not be durable yet: `path` was made, or came from `from`; what it named before,
  // if anything, lies in the attic.
  struct Change {
    std::filesystem::path path;
    std::filesystem::path from;
    std::filesystem::path before;
  };

  // Its destructor removes it as that of a real one does, but for a power failure.
  class FaultyNewFile : public NewFile {
   public:
    FaultyNewFile(FaultyFiles& files, std::filesystem::path temporary, std::filesystem::path target)
        : files_(files), temporary_(std::move(temporary)), target_(std::move(target)) {}
    ~FaultyNewFile() override {
      if (!published_ && !files_.has_failed()) files_.forget(temporary_);
    }
    void append(std::span<const std::byte> bytes) override { files_.append(temporary_, bytes); }
    void sync() override { files_.sync(temporary_); }
    void publish() override {
      files_.rename(temporary_, target_);
      published_ = true;
    }

   private:
    FaultyFiles& files_;
    std::filesystem::path temporary_;
    std::filesystem::path target_;
    bool published_ = false;
  };

  bool has_failed() const { return operations_ > cut_at_; }

  // A file that was never published, gone with all that is known about it.
  void forget(const std::filesystem::path& path) {
    std::filesystem::remove(path);
    unsynced_.erase(path);
    changes_.erase(std::remove_if(changes_.begin(), changes_.end(),
                                  [&](const Change& one) { return one.path == path; }),
                   changes_.end());
  }

  static std::filesystem::path normal(const std::filesystem::path& path) {
    const std::filesystem::path clean = std::filesystem::absolute(path).lexically_normal();
    return clean.has_filename() ? clean : clean.parent_path();
  }

  // `path` with `from` at its beginning replaced by `to`; itself if it does not begin so.
  static std::filesystem::path moved(const std::filesystem::path& path,
                                     const std::filesystem::path& from,
                                     const std::filesystem::path& to) {
    const auto [end, rest] = std::mismatch(from.begin(), from.end(), path.begin(), path.end());
    if (end != from.end()) return path;
    std::filesystem::path result = to;
    for (auto part = rest; part != path.end(); ++part) result /= *part;
    return result;
  }

  void count() {
    if (operations_++ >= cut_at_) throw Cut();
  }

  void put(const std::filesystem::path& path, std::span<const std::byte> bytes, bool at_end) {
    const bool cut = operations_++ >= cut_at_;
    if (cut && !(torn_ && operations_ == cut_at_ + 1)) throw Cut();
    if (cut) bytes = bytes.first(bytes.size() / 2);
    const bool fresh = !std::filesystem::exists(path);
    const std::uintmax_t durable = fresh || !at_end ? 0 : std::filesystem::file_size(path);
    unsynced_.emplace(path, durable);
    if (!at_end) unsynced_[path] = 0;
    if (fresh) changes_.push_back({path, {}, {}});
    at_end ? real_files().append(path, bytes) : real_files().write(path, bytes);
    if (cut) throw Cut();
  }

  // Every second file below a folder, which stays.
  static void remove_half(const std::filesystem::path& folder) {
    if (!std::filesystem::is_directory(folder)) return;
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    for (size_t i = 0; i < found.size(); i += 2) std::filesystem::remove(found[i]);
  }

  // Moves what is there into the attic; "" if there is nothing.
  std::filesystem::path keep(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return {};
    const std::filesystem::path kept = attic_ / std::to_string(kept_++);
    std::filesystem::rename(path, kept);
    move_notes(path, kept, changes_.size());
    return kept;
  }

  // What is known about files below `from` holds for `to` from now on; of the changes the first
  // `n`.
  void move_notes(const std::filesystem::path& from, const std::filesystem::path& to, size_t n) {
    std::map<std::filesystem::path, std::uintmax_t> notes;
    for (const auto& [path, durable] : unsynced_) notes[moved(path, from, to)] = durable;
    unsynced_ = std::move(notes);
    for (size_t i = 0; i < n; ++i) {
      changes_[i].path = moved(changes_[i].path, from, to);
      if (!changes_[i].from.empty()) changes_[i].from = moved(changes_[i].from, from, to);
    }
  }

  void undo(const Change& change) {
    if (!change.from.empty()) {
      std::filesystem::rename(change.path, change.from);
      move_notes(change.path, change.from, changes_.size());
    } else {
      std::filesystem::remove_all(change.path);
    }
    if (!change.before.empty()) {
      std::filesystem::rename(change.before, change.path);
      move_notes(change.before, change.path, changes_.size());
    }
  }

  std::filesystem::path attic_;
  int64_t cut_at_;
  bool torn_;
  int64_t operations_ = 0;
  int64_t kept_ = 0;
  int64_t created_ = 0;
  std::map<std::filesystem::path, std::uintmax_t> unsynced_;  // file -> bytes that are durable
  std::vector<Change> changes_;                               // oldest first
};

}  // namespace ddpm
