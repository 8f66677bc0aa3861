// What a run does not take, and what it leaves as it is.

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <utility>

#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_run.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

TEST_F(RunTraining, FewerStepsThanAreDoneAreRefusedAndNothingIsChanged) {
  TrainConfig config = four_steps();
  run("run", config);
  const auto before = contents(folder_ / "run");
  config.steps = 3;
  const RunRequest request{
      .run = folder_ / "run", .config = config, .resume = true, .steps_given = true};
  const std::string error = complaint<InvalidArgument>([&] { train(request); });
  EXPECT_NE(error.find("--steps: expected at least 4"), std::string::npos) << error;
  EXPECT_EQ(contents(folder_ / "run"), before);
}

TEST_F(RunTraining, AFinishedRunIsLeftAsItIs) {
  run("run", four_steps());
  const auto before = contents(folder_ / "run");
  for (const double limit : {0.0, 1e-9}) {
    TrainConfig config = four_steps();
    config.time_limit = limit;
    EXPECT_EQ(run("run", config, true), RunEnd::kDone);
    EXPECT_EQ(contents(folder_ / "run"), before);
  }
}

// Before the number of steps was kept in config.json.
TEST_F(RunTraining, ARunThatWasExtendedByAnEarlierVersionIsFinishedWhereItsCheckpointsAre) {
  TrainConfig config = four_steps();
  run("run", config);
  config.steps = 6;
  train({.run = folder_ / "run", .config = config, .resume = true, .steps_given = true});
  write_run_config(folder_ / "run", four_steps());
  EXPECT_EQ(run("run", four_steps(), true), RunEnd::kDone);
  EXPECT_EQ(CheckpointStore(folder_ / "run").list().back().step, 6);
}

TEST_F(RunTraining, ARunWhoseCheckpointsWereTakenAwayIsNotBegunAgain) {
  run("run", four_steps());
  fs::remove_all(folder_ / "run" / "checkpoints");
  const auto before = contents(folder_ / "run");
  EXPECT_THROW(run("run", four_steps(), true), FormatError);
  EXPECT_EQ(contents(folder_ / "run"), before);
}

// Two starts with the same folder, of which one reads its data while the other trains.
TEST_F(RunTraining, TheSecondOfTwoStartsChangesNothing) {
  run("run", four_steps());
  const auto before = contents(folder_ / "run");
  TrainConfig other = four_steps();
  other.seed = 1;
  const std::string error = complaint<InvalidArgument>([&] { run("run", other); });
  EXPECT_NE(error.find("ddpm train --resume"), std::string::npos) << error;
  EXPECT_EQ(contents(folder_ / "run"), before);

  fs::create_directories(folder_ / "begun");
  RunLock first(folder_ / "begun");
  first.sign();
  const auto begun = contents(folder_ / "begun");
  EXPECT_THROW(run("begun", other), IoError);
  EXPECT_EQ(contents(folder_ / "begun"), begun);
}

TEST_F(RunTraining, AFolderWithSomethingInItIsNotTakenForARun) {
  for (const char* name : {".tmp-notes", ".tmp-0123456789abcdef", "lock", "checkpoints/00000002/x",
                           "samples/00000004.png", "metrics.jsonl", "photo.png"}) {
    SCOPED_TRACE(name);
    const fs::path file = folder_ / "mine" / name;
    fs::create_directories(file.parent_path());
    write_file_whole(file, "17\n");
    const auto before = contents(folder_ / "mine");
    EXPECT_THROW(run("mine", four_steps()), InvalidArgument);
    EXPECT_EQ(contents(folder_ / "mine"), before);
    fs::remove_all(folder_ / "mine");
  }
}

TEST_F(RunTraining, ARunRemovesItsOwnTemporaryFilesAndNoOthers) {
  TrainConfig config = four_steps();
  RunObserver observer;
  observer.stop = [] { return true; };
  run("run", config, false, observer);
  const fs::path run_folder = folder_ / "run";
  const std::vector<std::string> ours = {".tmp-0123456789abcdef",
                                         "checkpoints/.tmp-removed-00000002", ".tmp-77-config.json",
                                         "samples/.tmp-77-00000004-raw.png"};
  const std::vector<std::string> others = {".tmp-notes", ".tmp-0123456789ABCDEF",
                                           ".tmp-77-mine.txt", "checkpoints/.tmp-removed-mine",
                                           "samples/.tmp-77"};
  for (const auto& names : {ours, others}) {
    for (const std::string& name : names) write_file_whole(run_folder / name, "text");
  }
  EXPECT_EQ(run("run", config, true), RunEnd::kDone);
  for (const std::string& name : ours) EXPECT_FALSE(fs::exists(run_folder / name)) << name;
  for (const std::string& name : others) EXPECT_TRUE(fs::exists(run_folder / name)) << name;
}

TEST_F(RunTraining, OtherDataAreRefusedUnlessTheyAreAllowed) {
  TrainConfig config = four_steps();
  run("first", config);
  config.steps = 6;  // so that there is something to go on with
  write_run_config(folder_ / "first", config);
  const Dataset other = make_dataset(noise_images(6, 2));
  EXPECT_THROW(run_training({folder_ / "first", config, true, false}, other, make_learner_, {}),
               InvalidArgument);
  EXPECT_EQ(run_training({folder_ / "first", config, true, true}, other, make_learner_, {}),
            RunEnd::kDone);
}

// Otherwise all steps up to the save would be made before it fails, at every resume again.
TEST_F(RunTraining, ACheckpointThatCannotBeReplacedIsRefusedBeforeAnyStep) {
  TrainConfig config = four_steps();
  config.keep_last = 0;
  run("run", config);
  const fs::path manifest = folder_ / "run" / "checkpoints" / "00000004" / "manifest.json";
  fs::remove(manifest);
  fs::create_symlink("manifest.json", manifest);  // to itself: nobody can open it
  RunObserver observer;
  observer.progress = [](int64_t, int64_t, double) { ADD_FAILURE() << "a step"; };
  config.steps = 6;
  const std::string unreadable = complaint<IoError>([&] { run("run", config, true, observer); });
  expect_contains(unreadable, "train: --resume: cannot save step 4 again: ");
  expect_contains(unreadable, "00000004 is unreadable: ");
  expect_contains(unreadable, "; make it readable or move it away");
  config.steps = 3;  // which comes before
  write_run_config(folder_ / "run", config);
  EXPECT_EQ(run("run", config, true), RunEnd::kDone);

  config.steps = 6;
  fs::remove(manifest);
  write_file_whole(manifest.parent_path() / "notes.txt", "mine");
  write_run_config(folder_ / "run", config);
  const std::string of_others = complaint<FormatError>([&] { run("run", config, true, observer); });
  expect_contains(of_others, "it holds notes.txt, which no checkpoint has; move it away");
  fs::remove(manifest.parent_path() / "notes.txt");
  EXPECT_EQ(run("run", config, true), RunEnd::kDone);
}

// A disk on which no file can be made in one folder, as on one that is mounted read-only.
class ReadOnlyFolder : public FileLayer {
 public:
  explicit ReadOnlyFolder(fs::path folder) : folder_(std::move(folder)) {}

  std::unique_ptr<NewFile> create(const fs::path& target) override {
    if (target.parent_path() == folder_) {
      throw IoError(concat("cannot create ", target.string(), ": Read-only file system"));
    }
    return real_files().create(target);
  }
  void write(const fs::path& path, std::span<const std::byte> bytes) override {
    real_files().write(path, bytes);
  }
  void append(const fs::path& path, std::span<const std::byte> bytes) override {
    real_files().append(path, bytes);
  }
  void sync(const fs::path& path) override { real_files().sync(path); }
  void rename(const fs::path& from, const fs::path& to) override { real_files().rename(from, to); }
  void make_folder(const fs::path& path) override { real_files().make_folder(path); }
  void remove_all(const fs::path& path) override { real_files().remove_all(path); }

 private:
  fs::path folder_;
};

TEST_F(RunTraining, AFolderThatCannotBeWrittenIsRefusedBeforeAnyStep) {
  RunObserver observer;
  observer.stop = [] { return true; };
  run("old", four_steps(), false, observer);
  observer.stop = {};
  observer.progress = [](int64_t, int64_t, double) { ADD_FAILURE() << "a step"; };
  for (const char* name : {"checkpoints", "samples"}) {
    for (const bool resume : {true, false}) {
      const std::string run_name = resume ? "old" : concat("new-", name);
      ReadOnlyFolder files(folder_ / run_name / name);
      const std::string error =
          complaint<IoError>([&] { run(run_name, four_steps(), resume, observer, files); });
      EXPECT_EQ(error, concat("cannot write into ", (folder_ / run_name / name).string(),
                              ": Read-only file system"));
    }
  }
  EXPECT_EQ(run("old", four_steps(), true), RunEnd::kDone);
}

}  // namespace
}  // namespace ddpm
