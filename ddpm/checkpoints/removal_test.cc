#include "ddpm/checkpoints/removal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/hasty_files.h"
#include "ddpm/testing/toy_checkpoint.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// Saves a step and keeps that one alone; returns what is reported.
std::vector<std::string> save_alone(CheckpointStore& store, int64_t step) {
  std::vector<std::string> lines;
  const ToyCheckpoint toy(step);
  store.save(toy.state, toy.arrays(), {.last = 1, .every = 0},
             [&lines](const std::string& line) { lines.push_back(line); });
  return lines;
}

struct Content {
  const char* reason;
  std::function<void(const fs::path& checkpoint)> make;
};

// What a person may put where a checkpoint is or would be.
const std::vector<Content>& contents_of_others() {
  static const std::vector<Content> contents = {
      {"it holds notes.txt",
       [](const fs::path& path) { write_file_whole(path / "notes.txt", ""); }},
      {"it holds unet/ema.png",
       [](const fs::path& path) { write_file_whole(path / "unet" / "ema.png", ""); }},
      {"it holds images", [](const fs::path& path) { fs::create_directory(path / "images"); }},
      {"it holds training",
       [](const fs::path& path) {
         fs::remove_all(path / "training");
         write_file_whole(path / "training", "");
       }},
      {"it holds checkpoints",  // another run
       [](const fs::path& path) {
         fs::remove_all(path);
         fs::create_directories(path / "checkpoints" / "00000010");
       }},
      {"it has neither manifest.json nor training/",  // an export
       [](const fs::path& path) {
         fs::remove(path / "manifest.json");
         fs::remove_all(path / "training");
       }},
      {"it is a link",
       [](const fs::path& path) {
         fs::rename(path, path.parent_path().parent_path() / "other");
         fs::create_directory_symlink("../other", path);
       }},
      {"it is a regular file, no folder", [](const fs::path& path) {
         fs::remove_all(path);
         write_file_whole(path, "");
       }}};
  return contents;
}

std::vector<std::string> names_below(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    names.push_back(entry.path().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Removal, WhatSavingMadeMayBeRemovedWholeOrDamaged) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  const fs::path checkpoint = save_toy(store, 10);
  EXPECT_EQ(reason_to_keep(checkpoint), std::nullopt);
  for (const char* name : {"manifest.json", "unet", "training/state.json", "scheduler"}) {
    fs::remove_all(checkpoint / name);
    EXPECT_EQ(reason_to_keep(checkpoint), std::nullopt) << name;
  }
  fs::remove_all(checkpoint);
  fs::create_directory(checkpoint);
  EXPECT_EQ(reason_to_keep(checkpoint), std::nullopt);
}

TEST(Removal, WhatOthersMadeIsKeptByPruningWhichReportsIt) {
  for (const Content& content : contents_of_others()) {
    SCOPED_TRACE(content.reason);
    const ToyRun run;
    CheckpointStore store(run.path, hasty_files());
    const fs::path checkpoint = save_toy(store, 10);
    content.make(checkpoint);
    save_toy(store, 20);
    const std::vector<std::string> lines = save_alone(store, 30);
    ASSERT_EQ(lines.size(), 1u);
    expect_contains(lines[0], "not removed: " + checkpoint.string() + ": " + content.reason);
    EXPECT_TRUE(fs::exists(fs::symlink_status(checkpoint)));
    EXPECT_FALSE(fs::exists(store.path_of(20)));
  }
}

TEST(Removal, WhatOthersMadeIsNotReplacedBySaving) {
  for (const Content& content : contents_of_others()) {
    SCOPED_TRACE(content.reason);
    const ToyRun run;
    CheckpointStore store(run.path, hasty_files());
    const fs::path checkpoint = save_toy(store, 10);
    content.make(checkpoint);
    if (fs::is_directory(checkpoint)) fs::remove(checkpoint / "manifest.json");
    const auto before = names_below(run.path);
    const std::string error = complaint<FormatError>([&] { save_toy(store, 10); });
    expect_contains(error, "cannot save: " + checkpoint.string() + " is damaged: ");
    expect_contains(error, content.reason);
    expect_contains(error, "; move it away");
    EXPECT_EQ(names_below(run.path), before);
  }
}

// A disk that refuses to rename or to remove one folder, as for want of permission.
class RefusingFiles : public HastyFiles {
 public:
  enum Operation { kRename, kRemove };
  RefusingFiles(Operation refused, std::string name) : refused_(refused), name_(std::move(name)) {}

  void rename(const fs::path& from, const fs::path& to) override {
    if (refused_ == kRename && from.filename() == name_) throw IoError("cannot rename");
    HastyFiles::rename(from, to);
  }
  void remove_all(const fs::path& path) override {
    if (refused_ == kRemove && path.filename() == name_ && fs::exists(path)) {
      throw IoError("cannot remove");
    }
    HastyFiles::remove_all(path);
  }

 private:
  Operation refused_;
  std::string name_;
};

TEST(Removal, ACheckpointThatTheSystemKeepsIsReportedAndNoError) {
  const ToyRun run;
  RefusingFiles files(RefusingFiles::kRename, "00000010");
  CheckpointStore store(run.path, files);
  save_toy(store, 10);
  for (const int64_t step : {20, 30}) {
    EXPECT_EQ(save_alone(store, step),
              std::vector<std::string>{
                  concat("not removed: ", store.path_of(10).string(), ": cannot rename")});
  }
  EXPECT_NO_THROW(verify_checkpoint(store.path_of(10)));
  EXPECT_FALSE(fs::exists(store.path_of(20)));
}

TEST(Removal, ALeftoverThatCannotBeRemovedIsReportedByTheNextStartAndNoError) {
  const ToyRun run;
  RefusingFiles files(RefusingFiles::kRemove, ".tmp-removed-00000010");
  CheckpointStore store(run.path, files);
  save_toy(store, 10);
  EXPECT_EQ(save_alone(store, 20).size(), 1u);
  EXPECT_FALSE(fs::exists(store.path_of(10)));
  const std::vector<std::string> lines = prepare_run_folder(run.path, files);
  EXPECT_EQ(lines, std::vector<std::string>{"cannot remove"});
  EXPECT_EQ(store.newest_valid().path, store.path_of(20));
  // a checkpoint of the same step finds the name taken and stays under its own
  save_toy(store, 10);
  EXPECT_EQ(save_alone(store, 30).size(), 1u);
  EXPECT_NO_THROW(verify_checkpoint(store.path_of(10)));
}

}  // namespace
}  // namespace ddpm
