#include "ddpm/checkpoints/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/faulty_files.h"
#include "ddpm/testing/hasty_files.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_checkpoint.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using Loss = FaultyFiles::Loss;

constexpr KeepPolicy kKeepAll{.last = 0};

fs::path save(CheckpointStore& store, int64_t step, const KeepPolicy& keep = kKeepAll) {
  const ToyCheckpoint toy(step);
  return store.save(toy.state, toy.arrays(), keep);
}

std::vector<int64_t> steps_of(const CheckpointStore& store) {
  std::vector<int64_t> steps;
  for (const StoredCheckpoint& one : store.list()) steps.push_back(one.step);
  return steps;
}

void damage(const fs::path& checkpoint) {
  fs::resize_file(checkpoint / "training/raw.safetensors", 100);
}

int64_t leftovers_in(const fs::path& run) {
  int64_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(run)) {
    count += entry.path().filename().string().rfind(".tmp-", 0) == 0 ? 1 : 0;
  }
  return count;
}

TEST(CheckpointStore, ListsByStepAndIgnoresOtherNames) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  EXPECT_TRUE(store.list().empty());
  EXPECT_EQ(store.newest_valid().path, std::nullopt);
  save(store, 100);
  save(store, 20);
  EXPECT_EQ(store.path_of(20).filename(), "00000020");
  EXPECT_EQ(store.path_of(123456789012).filename(), "123456789012");
  for (const char* name : {"best", "00000030.old", ".tmp-1-00000040", "50", "000000060"}) {
    fs::create_directory(run.path / "checkpoints" / name);
  }
  EXPECT_EQ(steps_of(store), (std::vector<int64_t>{20, 100}));
  EXPECT_EQ(store.newest_valid().path, store.path_of(100));
}

TEST(CheckpointStore, DamagedOnesAreNamedAndPassedOver) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  for (const int64_t step : {10, 20, 30}) save(store, step);
  damage(store.path_of(30));
  fs::remove(store.path_of(20) / "manifest.json");
  const auto [path, passed_over] = store.newest_valid();
  EXPECT_EQ(path, store.path_of(10));
  ASSERT_EQ(passed_over.size(), 2u);
  expect_contains(passed_over[0].reason, "00000030/training/raw.safetensors: expected ");
  EXPECT_EQ(passed_over[1].path, store.path_of(20));
  EXPECT_EQ(passed_over[1].fault, CheckpointFault::kDamaged);
  expect_contains(passed_over[1].reason, "00000020/manifest.json: missing");
}

TEST(CheckpointStore, KeepsTheNewestAndTheMilestones) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  const KeepPolicy keep{.last = 2, .every = 30};
  for (int64_t step = 10; step <= 80; step += 10) save(store, step, keep);
  EXPECT_EQ(steps_of(store), (std::vector<int64_t>{30, 60, 70, 80}));
  EXPECT_EQ(leftovers_in(run.path), 0);
}

TEST(CheckpointStore, KeepsAllIfAskedTo) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  for (int64_t step = 1; step <= 5; ++step) save(store, step, {.last = 0, .every = 2});
  EXPECT_EQ(store.list().size(), 5u);
}

TEST(CheckpointStore, NeverRemovesTheOneJustWritten) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  for (const int64_t step : {20, 30, 40}) save(store, step);
  for (const int64_t step : {20, 30, 40}) damage(store.path_of(step));
  save(store, 10, {.last = 1});  // went on from before the damaged ones
  EXPECT_EQ(store.newest_valid().path, store.path_of(10));
}

TEST(CheckpointStore, OneThatIsThereAlreadyIsLeftIfItVerifies) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  const fs::path path = save(store, 10);
  const std::string hash = checkpoint_hash(path);
  ToyCheckpoint other(10);
  other.raw[0][0] = 1.0f;
  EXPECT_EQ(store.save(other.state, other.arrays(), kKeepAll), path);
  EXPECT_EQ(checkpoint_hash(path), hash);
  damage(path);
  save(store, 10);
  EXPECT_NO_THROW(verify_checkpoint(path));
  EXPECT_EQ(checkpoint_hash(path), hash);
  EXPECT_EQ(leftovers_in(run.path), 0);
}

TEST(CheckpointStore, AFullDiskIsNoticedBeforeAnythingIsWritten) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files(), [](const fs::path&) { return int64_t{4096}; });
  expect_contains(complaint<IoError>([&] { save(store, 10); }),
                  "00000010: a checkpoint needs 1.0 MiB, the disk has 4.0 KiB");
  expect_contains(complaint<IoError>([&] { store.check_room(70, ToyCheckpoint(70).state.unet); }),
                  "00000070: a checkpoint needs 1.0 MiB, the disk has 4.0 KiB");
  EXPECT_TRUE(fs::is_empty(run.path / "checkpoints"));
}

TEST(CheckpointStore, NonFiniteNumbersLeaveTheOldCheckpointsAlone) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  save(store, 10);
  ToyCheckpoint toy(20);
  toy.first[3][0] = std::numeric_limits<float>::infinity();
  expect_contains(complaint<NotFinite>([&] { store.save(toy.state, toy.arrays(), {.last = 1}); }),
                  "checkpoint of step 20: Adam's first moment: ");
  EXPECT_EQ(steps_of(store), (std::vector<int64_t>{10}));
  EXPECT_EQ(leftovers_in(run.path), 0);
}

// Saves step 20 beside step 10, of which only one is kept, with the power failing at operation k;
// gives the number of operations that were asked for. What is then found must be one of the two,
// whole.
int64_t save_with_a_cut(const fs::path& scratch, const fs::path& with_step_10, int64_t k, bool torn,
                        Loss loss) {
  SCOPED_TRACE(concat("cut at ", k, ", torn ", torn, ", loss ", static_cast<int>(loss)));
  const fs::path run = scratch / "run";
  fs::remove_all(run);
  fs::create_directories(scratch);
  fs::copy(with_step_10, run, fs::copy_options::recursive);
  FaultyFiles files(scratch / "attic", k, torn);
  bool cut = false;
  try {
    CheckpointStore store(run, files);
    save(store, 20, {.last = 1});
  } catch (const FaultyFiles::Cut&) {
    cut = true;
    files.lose(loss);
  }
  prepare_run_folder(run, hasty_files());
  EXPECT_EQ(leftovers_in(run), 0);
  const CheckpointStore store(run);
  for (const StoredCheckpoint& one : store.list()) EXPECT_NO_THROW(verify_checkpoint(one.path));
  const auto [newest, passed_over] = store.newest_valid();
  EXPECT_TRUE(newest) << "no checkpoint is left";
  EXPECT_TRUE(passed_over.empty()) << passed_over[0].reason;
  if (newest) {
    const TrainingState state = read_training_state(*newest);
    const ToyCheckpoint wanted(state.step);
    EXPECT_TRUE(state.step == 20 || (cut && state.step == 10)) << state.step;
    EXPECT_EQ(newest->filename(), store.path_of(state.step).filename());
    EXPECT_EQ(read_arrays(*newest, state.unet, ArraySet::kRaw), wanted.raw);
    EXPECT_EQ(read_arrays(*newest, state.unet, ArraySet::kSecondMoment), wanted.second);
  }
  fs::remove_all(scratch / "attic");
  return files.operations();
}

TEST(CheckpointStore, ATornWriteLeavesThePreviousCheckpointLoadable) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  save(store, 10);
  const fs::path scratch = run.scratch.path() / "cuts";
  const int64_t operations =
      save_with_a_cut(scratch, run.path, FaultyFiles::kNever, false, Loss::kNothing);
  EXPECT_GT(operations, 30);  // eight files, each made and synced, their folders, two renames, ..
  for (const Loss loss : {Loss::kNothing, Loss::kBytes, Loss::kNames}) {
    for (const bool torn : {false, true}) {
      for (int64_t k = 0; k < operations; ++k) save_with_a_cut(scratch, run.path, k, torn, loss);
    }
  }
}

// Were save() to return before all is durable, a crash after it could lose what it promised.
TEST(CheckpointStore, WhatWasSavedSurvivesACrashRightAfter) {
  const ToyRun run;
  FaultyFiles files(run.scratch.path() / "attic");
  CheckpointStore store(run.path, files);
  save(store, 10);
  files.lose(Loss::kNames);
  EXPECT_EQ(store.newest_valid().path, store.path_of(10));
}

// Spoils the weights on their way to the disk, as failing memory or a lying disk does.
class SpoilingFiles : public HastyFiles {
 public:
  void write(const fs::path& path, std::span<const std::byte> bytes) override {
    std::vector<std::byte> spoiled(bytes.begin(), bytes.end());
    if (path.filename() == "raw.safetensors") spoiled.back() ^= std::byte{1};
    HastyFiles::write(path, spoiled);
  }
};

TEST(CheckpointStore, AnOldOneStaysIfTheNewOneDoesNotVerify) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  save(store, 10);
  SpoilingFiles files;
  CheckpointStore spoiling(run.path, files);
  expect_contains(complaint<FormatError>([&] { save(spoiling, 20, {.last = 1}); }),
                  "raw.safetensors: wanted SHA-256");
  EXPECT_EQ(store.newest_valid().path, store.path_of(10));
}

// The tests above are worth as much as the disk that they run on.
TEST(FaultyFiles, ForgetsWhatWasNotSynced) {
  const TemporaryFolder scratch;
  const auto read = [&](const char* name) { return read_file(scratch.path() / name, 100); };
  const auto write = [&](FaultyFiles& files, const char* name, const char* text) {
    files.write(scratch.path() / name, as_bytes(text));
  };
  {
    FaultyFiles files(scratch.path() / "attic");
    write(files, "a", "new");
    files.lose(Loss::kBytes);
    EXPECT_EQ(read("a"), "");
  }
  {
    FaultyFiles files(scratch.path() / "attic");
    write(files, "b", "kept");
    files.sync(scratch.path() / "b");
    files.sync(scratch.path());
    files.append(scratch.path() / "b", as_bytes(" lost"));
    write(files, "c", "temporary");
    files.sync(scratch.path() / "c");
    files.rename(scratch.path() / "c", scratch.path() / "b");
    EXPECT_EQ(read("b"), "temporary");
    files.lose(Loss::kNames);
    EXPECT_EQ(read("b"), "kept");
    EXPECT_FALSE(fs::exists(scratch.path() / "c"));
  }
  {
    FaultyFiles files(scratch.path() / "attic", 1, true);
    files.make_folder(scratch.path() / "d");
    EXPECT_THROW(write(files, "d/torn", "12345678"), FaultyFiles::Cut);
    EXPECT_EQ(read("d/torn"), "1234");
    EXPECT_THROW(files.remove_all(scratch.path() / "d"), FaultyFiles::Cut);
  }
}

TEST(RunFolder, ItsConfigurationComesBack) {
  const ToyRun run;
  TrainConfig config;
  config.learning_rate = 0.1 + 0.2;  // needs all 17 digits
  write_run_config(run.path, config, hasty_files());
  EXPECT_EQ(read_run_config(run.path), config);
  std::ofstream(run.path / "config.json") << R"({"stepz": 3})";
  expect_contains(complaint<FormatError>([&] { read_run_config(run.path); }),
                  "config.json: \"stepz\" is no key of a configuration; did you mean 'steps'?");
  fs::remove(run.path / "config.json");
  expect_contains(complaint<InvalidArgument>([&] { read_run_config(run.path); }),
                  "not a run: it has no config.json");
}

TEST(RunFolder, OnlyOneProcessMayWrite) {
  const ToyRun run;
  {
    RunLock lock(run.path);
    lock.sign();
    const std::string message = complaint<IoError>([&] { RunLock second(run.path); });
    expect_contains(message, concat("process ", ::getpid(), " is at work in this run"));
  }
  EXPECT_NO_THROW(RunLock again(run.path));
}

TEST(RunFolder, TheLockOfAKilledProcessIsFree) {
  const ToyRun run;
  const pid_t child = ::fork();
  if (child == 0) {
    RunLock lock(run.path);
    lock.sign();
    ::_exit(0);  // without the destructor, as by kill -9
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(fs::exists(run.path / "lock"));
  EXPECT_NO_THROW(RunLock lock(run.path));
}

TEST(RunFolder, ALockThatIsNoneOfOursIsLeftAsItIs) {
  const ToyRun run;
  const fs::path mine = run.path / "mine.txt";
  std::ofstream(mine) << "my notes";
  const fs::path lock = run.path / "lock";
  for (const int kind : {0, 1, 2, 3}) {
    if (kind == 0) fs::create_symlink(mine, lock);
    if (kind == 1) fs::create_hard_link(mine, lock);
    if (kind == 2 && ::mkfifo(lock.c_str(), 0600) != 0) GTEST_FAIL() << "no FIFO";
    if (kind == 3) fs::create_directory(lock);
    expect_contains(complaint<IoError>([&] { RunLock refused(run.path); }), "lock");
    EXPECT_TRUE(fs::exists(fs::symlink_status(lock)));
    EXPECT_EQ(read_file(mine, 100), "my notes");
    fs::remove(lock);
  }
}

TEST(RunFolder, ALockOfWhichNoRunCameIsRemoved) {
  const ToyRun toy;
  const fs::path run = toy.path / "new";
  fs::create_directory(run);
  {
    RunLock lock(run);
    lock.sign();
  }
  EXPECT_TRUE(fs::is_empty(run));
  {
    RunLock lock(run);
    lock.sign();
    std::ofstream(run / "config.json") << "{}";
  }
  EXPECT_TRUE(fs::exists(run / "lock"));
}

TEST(RunFolder, AStartThatDiedBeforeItsConfigurationMayBeRepeated) {
  const ToyRun run;
  const fs::path folder = run.path / "new";
  EXPECT_NO_THROW(check_run_is_new(folder));
  fs::create_directory(folder);
  EXPECT_NO_THROW(check_run_is_new(folder));
  std::ofstream(folder / "lock") << "17 ddpm\n";
  std::ofstream(folder / ".tmp-0123456789abcdef") << "{";
  EXPECT_NO_THROW(check_run_is_new(folder));
  std::ofstream(folder / "lock") << "17\n";
  EXPECT_THROW(check_run_is_new(folder), InvalidArgument);
}

TEST(RunFolder, ARunAndItsDataLieApart) {
  const ToyRun toy;
  const fs::path data = toy.path / "data";
  fs::create_directories(data / "cats");
  fs::create_directory(toy.path / "runs");
  fs::create_symlink(data / "cats", toy.path / "link");
  fs::create_symlink(toy.path / "runs", data / "out");
  const auto refused = [&](const fs::path& run, const std::string& spec) {
    try {
      check_apart_from_data("", run, spec);
      return false;
    } catch (const InvalidArgument&) {
      return true;
    }
  };
  for (const fs::path& run : {data, data / "run", data / "a" / "b", data / "cats" / ".." / "run",
                              toy.path / "link" / "run", toy.path / "link", toy.path}) {
    EXPECT_TRUE(refused(run, data.string())) << run;
    EXPECT_TRUE(refused(run, data.string() + "/")) << run;
    EXPECT_TRUE(refused(run, data.string() + ":test")) << run;
  }
  EXPECT_TRUE(refused(data / "cats", (toy.path / "link").string()));
  EXPECT_FALSE(refused(toy.path / "runs" / "a", data.string()));
  EXPECT_FALSE(refused(toy.path / "data2", data.string()));
  EXPECT_FALSE(refused(data / "run", "fashion-mnist"));
}

}  // namespace
}  // namespace ddpm
