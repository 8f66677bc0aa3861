// What becomes of a checkpoint that cannot be used: whoever asks for a run's newest one is told.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <tuple>

#include "ddpm/base/check.h"
#include "ddpm/base/format_version.h"
#include "ddpm/base/json.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/hasty_files.h"
#include "ddpm/testing/toy_checkpoint.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

void damage(const fs::path& checkpoint) {
  fs::resize_file(checkpoint / "training/raw.safetensors", 100);
}

TEST(ResolveCheckpoint, TakesARunOrACheckpoint) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  const auto message = [](const fs::path& path) {
    return complaint<InvalidArgument>([&] { std::ignore = resolve_checkpoint(path); });
  };
  expect_contains(message(run.path), "run: this run has no checkpoint yet");
  expect_contains(message(run.path / "nowhere"), "got no such folder");
  expect_contains(message(run.path / "samples"), "neither checkpoints/ nor model_index.json");
  std::ofstream(run.path / "file") << "x";
  expect_contains(message(run.path / "file"), "got a file");

  save_toy(store, 10);
  save_toy(store, 20);
  EXPECT_EQ(resolve_checkpoint(run.path).path, store.path_of(20));
  EXPECT_EQ(resolve_checkpoint(store.path_of(10)).path, store.path_of(10));
  // diffusers' part alone is a checkpoint too
  fs::remove(store.path_of(10) / "manifest.json");
  EXPECT_EQ(resolve_checkpoint(store.path_of(10)).path, store.path_of(10));
}

TEST(ResolveCheckpoint, ARunWithoutItsFolderOfCheckpointsIsNotTakenForANetwork) {
  const ToyRun run;
  write_run_config(run.path, TrainConfig(), hasty_files());
  const auto resolve = [&run] { std::ignore = resolve_checkpoint(run.path); };
  fs::remove(run.path / "checkpoints");
  expect_contains(complaint<InvalidArgument>(resolve),
                  "run: expected a run with the folder checkpoints, got none; ");
  fs::create_directory_symlink("../unmounted", run.path / "checkpoints");
  expect_contains(complaint<InvalidArgument>(resolve), "got a link that leads nowhere; ");
}

// A file that the system refuses to open, for root as well.
void make_unreadable(const fs::path& file) {
  fs::remove(file);
  fs::create_symlink(file.filename(), file);  // to itself
}

void make_newer(const fs::path& checkpoint) {
  const fs::path manifest = checkpoint / "manifest.json";
  Json json = parse_json(read_file(manifest, 1 << 20), "manifest");
  json["version"] = 2;
  json["a key of that version"] = 1;
  std::ofstream(manifest) << json_text(json);
}

void make_a_pipe(const fs::path& checkpoint) {
  fs::remove_all(checkpoint);
  ASSERT_EQ(::mkfifo(checkpoint.c_str(), 0600), 0);
}

void make_a_file(const fs::path& checkpoint) {
  fs::remove_all(checkpoint);
  std::ofstream(checkpoint) << "";
}

void make_a_link_to_nothing(const fs::path& checkpoint) {
  fs::remove_all(checkpoint);
  fs::create_directory_symlink("../../another-disk", checkpoint);
}

struct Fault {
  CheckpointFault fault;
  std::function<void(const fs::path& checkpoint)> make;
  const char* message;
};

const std::vector<Fault>& all_faults() {
  static const std::vector<Fault> faults = {
      {CheckpointFault::kDamaged, damage, "00000020 is damaged: "},
      {CheckpointFault::kDamaged, [](const fs::path& path) { fs::remove(path / "manifest.json"); },
       "manifest.json: missing"},
      {CheckpointFault::kDamaged, [](const fs::path& path) { fs::remove_all(path / "training"); },
       "optimizer.safetensors: missing"},
      {CheckpointFault::kUnreadable,
       [](const fs::path& path) { make_unreadable(path / "manifest.json"); },
       "00000020 is unreadable: "},
      {CheckpointFault::kUnreadable,
       [](const fs::path& path) { make_unreadable(path / "training" / "raw.safetensors"); },
       "raw.safetensors"},
      {CheckpointFault::kUnreadable,
       [](const fs::path& path) {
         fs::remove_all(path);
         make_unreadable(path);
       },
       "00000020 is unreadable: "},
      {CheckpointFault::kDamaged, make_a_pipe, "expected a folder, got a FIFO"},
      {CheckpointFault::kDamaged, make_a_file, "expected a folder, got a regular file"},
      {CheckpointFault::kDamaged, make_a_link_to_nothing, "manifest.json: missing"},
      {CheckpointFault::kNewerVersion, make_newer,
       "written by a newer version of ddpm; expected version 1, got 2"}};
  return faults;
}

TEST(ResolveCheckpoint, ReturnsWhatWasPassedOverAndACommandRefusesIt) {
  for (const Fault& fault : all_faults()) {
    SCOPED_TRACE(fault.message);
    const ToyRun run;
    CheckpointStore store(run.path, hasty_files());
    save_toy(store, 10);
    save_toy(store, 20);
    EXPECT_EQ(require_checkpoint("sample", "--checkpoint", run.path), store.path_of(20));
    fault.make(store.path_of(20));
    const ResolvedCheckpoint resolved = resolve_checkpoint(run.path);
    EXPECT_EQ(resolved.path, store.path_of(10));
    ASSERT_EQ(resolved.passed_over.size(), 1u);
    EXPECT_EQ(resolved.passed_over[0].path, store.path_of(20));
    EXPECT_EQ(resolved.passed_over[0].fault, fault.fault);
    expect_contains(fault_text(resolved.passed_over[0]), fault.message);
    const std::string message = complaint<Error>(
        [&] { std::ignore = require_checkpoint("sample", "--checkpoint", run.path); });
    expect_contains(message, concat("sample: --checkpoint: ", store.path_of(20).string(), " is "));
    expect_contains(message, fault.message);
    expect_contains(message, concat("; --checkpoint ", store.path_of(10).string(), " takes "));
    // which is then taken without a word
    EXPECT_EQ(require_checkpoint("sample", "--checkpoint", store.path_of(10)), store.path_of(10));
  }
}

TEST(ResolveCheckpoint, ARunWithoutAUsableCheckpointIsTheErrorOfItsNewest) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  const auto resolve = [&run] { std::ignore = resolve_checkpoint(run.path); };
  save_toy(store, 10);
  damage(store.path_of(10));
  expect_contains(complaint<FormatError>(resolve), "run: no checkpoint can be used: ");
  expect_contains(complaint<FormatError>(resolve), "raw.safetensors: expected ");
  save_toy(store, 20);
  make_unreadable(store.path_of(20) / "training" / "raw.safetensors");
  expect_contains(complaint<IoError>(resolve), "1 older checkpoint of this run cannot be used");
  save_toy(store, 30);
  make_newer(store.path_of(30));
  expect_contains(complaint<NewerVersion>(resolve), "expected version 1, got 2");
}

TEST(CheckpointStore, ReplacesOnlyADamagedCheckpoint) {
  for (const Fault& fault : all_faults()) {
    SCOPED_TRACE(fault.message);
    const ToyRun run;
    CheckpointStore store(run.path, hasty_files());
    save_toy(store, 20);
    fault.make(store.path_of(20));
    const fs::file_status before = fs::symlink_status(store.path_of(20));
    if (fault.fault == CheckpointFault::kDamaged && fs::is_directory(before)) {
      save_toy(store, 20);
      EXPECT_EQ(store.newest_valid().path, store.path_of(20));
      continue;
    }
    expect_contains(complaint<Error>([&] { save_toy(store, 20); }), "move it away");
    EXPECT_EQ(fs::symlink_status(store.path_of(20)).type(), before.type());
    if (fs::is_directory(before)) {
      const auto names = fs::directory_iterator(store.path_of(20));
      EXPECT_EQ(std::distance(begin(names), end(names)), 5);
    }
    EXPECT_EQ(store.newest_valid().passed_over.at(0).fault, fault.fault);
  }
}

TEST(CheckpointStore, NeverRemovesACheckpointOfANewerVersion) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  save_toy(store, 10);
  make_newer(store.path_of(10));
  for (const int64_t step : {20, 30, 40}) {
    const ToyCheckpoint one(step);
    store.save(one.state, one.arrays(), {.last = 1, .every = 0});
  }
  EXPECT_TRUE(fs::exists(store.path_of(10) / "manifest.json"));
  EXPECT_FALSE(fs::exists(store.path_of(20)));
  EXPECT_EQ(store.newest_valid().path, store.path_of(40));
}

}  // namespace
}  // namespace ddpm
