// What a run leaves on the disk, whatever happens to it.

#include "ddpm/training/run.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <thread>

#include "ddpm/base/check.h"
#include "ddpm/base/complaint.h"
#include "ddpm/base/faulty_files.h"
#include "ddpm/base/sha256.h"
#include "ddpm/checkpoints/presets.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/random/stream.h"
#include "ddpm/report/run_log.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

fs::path scratch_folder() {
  const fs::path memory = "/dev/shm";
  const fs::path base = ::access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path();
  return base / concat("ddpm-run-test-", ::getpid());
}

std::vector<Image> noise_images(int64_t count, uint64_t seed) {
  std::vector<Image> images;
  for (int64_t i = 0; i < count; ++i) {
    Image image{8, 8, 1, 8, {}};
    for (uint64_t k = 0; k < 64; ++k) {
      image.samples.push_back(
          static_cast<uint16_t>(below({seed, Purpose::kTest, static_cast<uint64_t>(i), k}, 256)));
    }
    images.push_back(std::move(image));
  }
  return images;
}

// Four steps, a checkpoint after two and at the end, a picture at the end.
TrainConfig four_steps() {
  TrainConfig config = preset("tiny");
  config.data = "made in memory";
  config.steps = 4;
  config.batch_size = 2;
  config.save_every = 2;
  config.sample_every = 4;
  config.sample_count = 1;
  config.sample_steps = 1;
  config.log_every = 3;
  config.keep_last = 1;
  return config;
}

class RunTraining : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  RunEnd run(const std::string& name, const TrainConfig& config, bool resume = false,
             const RunObserver& observer = {}, FileLayer& files = real_files()) const {
    return run_training({folder_ / name, config, resume, false}, dataset_, at::kCPU, observer,
                        files);
  }

  std::map<std::string, std::string> weights(const std::string& name,
                                             const std::string& step = "00000004") const {
    std::map<std::string, std::string> sums;
    const fs::path last = folder_ / name / "checkpoints" / step;
    for (const auto& entry : fs::recursive_directory_iterator(last)) {
      if (entry.path().extension() != ".safetensors") continue;
      sums[entry.path().filename().string()] = sha256_of_file(entry.path());
    }
    return sums;
  }

  const fs::path folder_ = scratch_folder();
  const Dataset dataset_ = make_dataset(noise_images(6, 1));
};

// Resumes until it is done, or starts if there is no run yet: what the error lines ask for.
void finish(const fs::path& run, const Dataset& dataset, const TrainConfig& config) {
  const bool resume = fs::exists(run / "config.json");
  run_training({run, config, resume, false}, dataset, at::kCPU, {});
}

// Every file below a folder, by its path.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    files[name] = entry.is_regular_file() ? read_file(entry.path(), 1 << 24) : "";
  }
  return files;
}

// Under a sanitizer every fifth operation is cut: each takes long, and uses memory as others do.
#ifdef __SANITIZE_ADDRESS__
constexpr int64_t kStride = 5;
#else
constexpr int64_t kStride = 1;
#endif

// The operations on the disk are divided among kParts tests, which ctest can run side by side.
constexpr int64_t kParts = 4;
class CutTraining : public RunTraining, public testing::WithParamInterface<int64_t> {};

TEST_P(CutTraining, AtAnyOperationOnTheDiskEndsWithTheSameWeightsAndLog) {
  const TrainConfig config = four_steps();
  FaultyFiles counting(folder_ / "attic");
  run("whole", config, false, {}, counting);
  const auto expected = weights("whole");
  const std::string log = comparable(read_run_log(folder_ / "whole" / "metrics.jsonl"));
  ASSERT_EQ(expected.size(), 3U);

  const int64_t operations = counting.operations();
  EXPECT_GT(operations, 40);
  for (int64_t cut = GetParam(); cut < operations; cut += kParts * kStride) {
    // every kind of loss, torn and not, in each part
    const bool torn = cut / kParts % 2 == 1;
    const auto loss = static_cast<FaultyFiles::Loss>(cut % 3);
    SCOPED_TRACE(concat("cut at operation ", cut));
    FaultyFiles files(folder_ / "attic", cut, torn);
    EXPECT_THROW(run("cut", config, false, {}, files), FaultyFiles::Cut);
    files.lose(loss);
    finish(folder_ / "cut", dataset_, config);
    EXPECT_EQ(weights("cut"), expected);
    EXPECT_EQ(comparable(read_run_log(folder_ / "cut" / "metrics.jsonl")), log);
    fs::remove_all(folder_ / "cut");
    fs::remove_all(folder_ / "attic");
  }
}
INSTANTIATE_TEST_SUITE_P(EachPart, CutTraining, testing::Range<int64_t>(0, kParts));

TEST_F(RunTraining, LoaderThreadsAndCacheChangeNoBit) {
  const TrainConfig config = four_steps();
  run("one", config);
  TrainConfig other = config;
  other.loader_threads = 3;
  DataOptions nothing_kept;
  nothing_kept.memory_limit_bytes = 0;
  const Dataset decoded_at_each_use = make_dataset(noise_images(6, 1), nothing_kept);
  ASSERT_EQ(decoded_at_each_use.images_in_memory(), 0);
  run_training({folder_ / "other", other, false, false}, decoded_at_each_use, at::kCPU, {});
  EXPECT_EQ(weights("other"), weights("one"));
}

TEST_F(RunTraining, MoreStepsAreKeptWhereverTheirRunIsCut) {
  TrainConfig config = four_steps();
  config.steps = 6;
  run("whole", config);
  const auto wanted = weights("whole", "00000006");
  const auto extend = [&](FileLayer& files) {
    return run_training(
        {.run = folder_ / "cut", .config = config, .resume = true, .steps_given = true}, dataset_,
        at::kCPU, {}, files);
  };
  run("short", four_steps());
  const auto copy = [&] {
    fs::copy(folder_ / "short", folder_ / "cut", fs::copy_options::recursive);
  };
  copy();
  FaultyFiles counting(folder_ / "attic");
  EXPECT_EQ(extend(counting), RunEnd::kDone);
  // the number is kept first; what follows is cut in the test above
  const int64_t operations = std::min<int64_t>(counting.operations(), 16);
  for (int64_t cut = 0; cut < operations; ++cut) {
    SCOPED_TRACE(concat("cut at operation ", cut));
    fs::remove_all(folder_ / "cut");
    fs::remove_all(folder_ / "attic");
    copy();
    FaultyFiles files(folder_ / "attic", cut, cut % 2 == 1);
    EXPECT_THROW(extend(files), FaultyFiles::Cut);
    files.lose(static_cast<FaultyFiles::Loss>(cut % 3));
    // a plain resume, whose number of steps is the run's own, reaches that number; then all are
    // asked for
    const TrainConfig kept = read_run_config(folder_ / "cut");
    EXPECT_EQ(run("cut", kept, true), RunEnd::kDone);
    const auto newest = CheckpointStore(folder_ / "cut").list().back();
    EXPECT_EQ(newest.step, kept.steps);
    EXPECT_EQ(extend(real_files()), RunEnd::kDone);
    EXPECT_EQ(read_run_config(folder_ / "cut").steps, 6);
    EXPECT_EQ(weights("cut", "00000006"), wanted);
  }
}

TEST_F(RunTraining, FewerStepsThanAreDoneAreRefusedAndNothingIsChanged) {
  TrainConfig config = four_steps();
  run("run", config);
  const auto before = contents(folder_ / "run");
  config.steps = 3;
  const RunRequest request{
      .run = folder_ / "run", .config = config, .resume = true, .steps_given = true};
  const std::string error =
      complaint<InvalidArgument>([&] { run_training(request, dataset_, at::kCPU, {}); });
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
  run_training({.run = folder_ / "run", .config = config, .resume = true, .steps_given = true},
               dataset_, at::kCPU, {});
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

// Writes NaN into a weight once `step` steps are done.
RunObserver poison_after(int64_t step) {
  RunObserver observer;
  observer.look = [step](Trainer& trainer) {
    if (trainer.steps_done() != step) return;
    const at::NoGradGuard no_grad;
    trainer.weights()[0].fill_(std::nan(""));
  };
  return observer;
}

TEST_F(RunTraining, ANetworkThatIsNotFiniteEndsTheRunAndLeavesTheLastGoodCheckpoint) {
  TrainConfig config = four_steps();
  config.steps = 100;
  config.save_every = 10;
  config.max_bad_steps = 3;
  EXPECT_THROW(run("poisoned", config, false, poison_after(25)), NotFinite);
  const CheckpointStore store(folder_ / "poisoned");
  const auto newest = store.newest_valid().path;
  ASSERT_TRUE(newest);
  EXPECT_EQ(read_training_state(*newest).step, 20);

  const RunLog log = read_run_log(folder_ / "poisoned" / "metrics.jsonl");
  int64_t skipped = 0;
  for (const Json& line : log.lines) {
    if (line["kind"] != "skipped") continue;
    ++skipped;
    EXPECT_EQ(line["what"], "loss");
    EXPECT_EQ(line["t"].size(), 2U);
    EXPECT_EQ(line["image_indices"].size(), 2U);
    EXPECT_EQ(line["step"], 25 + skipped);
  }
  EXPECT_EQ(skipped, 3);
}

TEST_F(RunTraining, ACheckpointThatIsNotFiniteIsNeverWritten) {
  TrainConfig config = four_steps();
  config.steps = 100;
  config.save_every = 26;  // falls between the poison and the end of the patience
  config.max_bad_steps = 50;
  EXPECT_THROW(run("poisoned", config, false, poison_after(25)), NotFinite);
  EXPECT_TRUE(CheckpointStore(folder_ / "poisoned").list().empty());
}

TEST_F(RunTraining, OneBadUpdateIsSkippedAndTheRunGoesOn) {
  TrainConfig config = four_steps();
  config.steps = 8;
  RunObserver observer;
  Tensor saved;
  observer.look = [&saved](Trainer& trainer) {
    const at::NoGradGuard no_grad;
    if (trainer.steps_done() == 3) {
      saved = trainer.weights()[0].clone();
      trainer.weights()[0].fill_(std::nan(""));
    }
    if (trainer.steps_done() == 4) trainer.weights()[0].copy_(saved);
  };
  config.save_every = 0;
  EXPECT_EQ(run("bumpy", config, false, observer), RunEnd::kDone);
  const auto newest = CheckpointStore(folder_ / "bumpy").newest_valid().path;
  ASSERT_TRUE(newest);
  const TrainingState state = read_training_state(*newest);
  EXPECT_EQ(state.step, 8);
  EXPECT_EQ(state.skipped_updates, 1);
  EXPECT_EQ(state.optimizer_updates, 7);
  EXPECT_EQ(state.ema_updates, 7);
  EXPECT_EQ(state.bad_in_a_row, 0);
  // the preview between found no samples of those weights, and said so
  const RunLog log = read_run_log(folder_ / "bumpy" / "metrics.jsonl");
  const auto preview = std::find_if(log.lines.begin(), log.lines.end(), [](const Json& line) {
    return line["kind"] == "channel_drift" && line["step"] == 4;
  });
  ASSERT_NE(preview, log.lines.end());
  EXPECT_TRUE((*preview)["raw"].contains("not_finite")) << *preview;
  EXPECT_FALSE((*preview)["ema"].contains("not_finite")) << *preview;
}

// What t is drawn by is in the checkpoint: two runs that are interrupted before and after all times
// have their losses end as one that was not.
TEST_F(RunTraining, ImportanceSamplingGoesOnExactlyWhereItWas) {
  TrainConfig config = four_steps();
  config.T = 2;
  config.batch_size = 6;
  config.steps = 12;
  config.loss = "hybrid";
  config.variance = "learned_range";
  config.timestep_sampling = "importance";
  int64_t full_since = 0;
  RunObserver observer;
  observer.look = [&](Trainer& trainer) {
    const auto counts = trainer.carried().at("loss_history_counts");
    const bool full = std::ranges::all_of(counts, [](double count) { return count == 10; });
    if (full && full_since == 0) full_since = trainer.steps_done();
  };
  const auto final_weights = [&](const std::string& name) {
    return sha256_of_file(folder_ / name / "checkpoints/00000012/training/raw.safetensors");
  };
  run("whole", config, false, observer);
  ASSERT_GT(full_since, 2);
  ASSERT_LT(full_since, 10);
  for (const int64_t cut : {int64_t{2}, full_since + 1}) {
    const std::string name = concat("cut", cut);
    int64_t done = 0;
    RunObserver stopping;
    stopping.look = [&](Trainer& trainer) { done = trainer.steps_done(); };
    stopping.stop = [&] { return done == cut; };
    EXPECT_EQ(run(name, config, false, stopping), RunEnd::kStopped);
    EXPECT_EQ(run(name, config, true), RunEnd::kDone);
    EXPECT_EQ(final_weights(name), final_weights("whole"));
  }
}

TEST_F(RunTraining, OtherDataAreRefusedUnlessTheyAreAllowed) {
  TrainConfig config = four_steps();
  run("first", config);
  config.steps = 6;  // so that there is something to go on with
  write_run_config(folder_ / "first", config);
  const Dataset other = make_dataset(noise_images(6, 2));
  EXPECT_THROW(run_training({folder_ / "first", config, true, false}, other, at::kCPU, {}),
               InvalidArgument);
  EXPECT_EQ(run_training({folder_ / "first", config, true, true}, other, at::kCPU, {}),
            RunEnd::kDone);
}

TEST_F(RunTraining, AStopIsHeardBetweenTwoSteps) {
  RunObserver observer;
  int64_t steps = 0;
  observer.progress = [&steps](int64_t step, int64_t, double) { steps = step; };
  observer.stop = [&steps] { return steps == 3; };
  EXPECT_EQ(run("stopped", four_steps(), false, observer), RunEnd::kStopped);
  const auto newest = CheckpointStore(folder_ / "stopped").newest_valid().path;
  ASSERT_TRUE(newest);
  EXPECT_EQ(read_training_state(*newest).step, 3);
}

// A stop that comes in the middle of a preview.
RunObserver stop_in_a_preview(bool& asked) {
  RunObserver observer;
  observer.previewing = [&asked](double images, int64_t) { asked = asked || images > 1.0; };
  observer.stop = [&asked] { return asked; };
  return observer;
}

TEST_F(RunTraining, APreviewThatIsGivenUpIsMadeWhenTheRunGoesOn) {
  TrainConfig config = four_steps();
  config.sample_every = 2;
  config.sample_count = 3;
  config.sample_steps = 5;
  run("whole", config);
  bool asked = false;
  EXPECT_EQ(run("cut", config, false, stop_in_a_preview(asked)), RunEnd::kStopped);
  const fs::path picture = fs::path("samples") / "00000002.png";
  EXPECT_FALSE(fs::exists(folder_ / "cut" / picture));
  const auto newest = CheckpointStore(folder_ / "cut").newest_valid().path;
  ASSERT_TRUE(newest);
  EXPECT_EQ(read_training_state(*newest).step, 2);

  EXPECT_EQ(run("cut", config, true), RunEnd::kDone);
  EXPECT_EQ(sha256_of_file(folder_ / "cut" / picture), sha256_of_file(folder_ / "whole" / picture));
  EXPECT_EQ(weights("cut"), weights("whole"));
  EXPECT_EQ(comparable(read_run_log(folder_ / "cut" / "metrics.jsonl")),
            comparable(read_run_log(folder_ / "whole" / "metrics.jsonl")));
}

TEST_F(RunTraining, TheLastPreviewComesBehindTheLastCheckpointAndIsMadeUpForToo) {
  TrainConfig config = four_steps();
  config.sample_every = 3;
  config.sample_count = 3;
  const fs::path picture = folder_ / "run" / "samples" / "00000004.png";
  bool asked = false;
  RunObserver observer;
  observer.stop = [&asked] { return asked; };
  observer.previewing = [&](double, int64_t) {
    asked = fs::exists(folder_ / "run" / "checkpoints" / "00000004");
  };
  EXPECT_EQ(run("run", config, false, observer), RunEnd::kStopped);
  EXPECT_TRUE(asked);
  EXPECT_FALSE(fs::exists(picture));
  EXPECT_EQ(run("run", config, true), RunEnd::kDone);
  EXPECT_TRUE(fs::exists(picture));
}

TEST_F(RunTraining, WithoutACadenceOfPreviewsThereIsNone) {
  TrainConfig config = four_steps();
  config.sample_every = 0;
  RunObserver observer;
  observer.previewing = [](double, int64_t) { ADD_FAILURE() << "a preview"; };
  EXPECT_EQ(run("plain", config, false, observer), RunEnd::kDone);
  EXPECT_TRUE(!fs::exists(folder_ / "plain" / "samples") ||
              fs::is_empty(folder_ / "plain" / "samples"));
}

TEST_F(RunTraining, ARunWithoutTimeForAStepHasACheckpointAndAPicture) {
  TrainConfig config = four_steps();
  config.sample_every = 1;
  config.time_limit = 1e-9;  // is over before the first step
  EXPECT_EQ(run("short", config), RunEnd::kTimeLimit);
  EXPECT_TRUE(fs::exists(folder_ / "short" / "samples" / "00000000.png"));
  const auto newest = CheckpointStore(folder_ / "short").newest_valid().path;
  ASSERT_TRUE(newest);
  EXPECT_EQ(read_training_state(*newest).step, 0);
}

// The limit passes in the middle of the preview of step 2, which is then made at the end, and the
// log of the run that goes on is that of one that was never limited.
TEST_F(RunTraining, ATimeLimitInAPreviewLeavesNoTraceInTheLog) {
  TrainConfig config = four_steps();
  config.sample_every = 2;
  config.sample_steps = 5;
  run("whole", config);
  config.time_limit = 1.0;
  int64_t asked = 0;
  RunObserver observer;
  observer.previewing = [&asked](double, int64_t) {
    if (asked++ == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  };
  EXPECT_EQ(run("limited", config, false, observer), RunEnd::kTimeLimit);
  EXPECT_GT(asked, 1 + config.sample_steps);  // given up, and made once more
  config.time_limit = 0.0;
  EXPECT_EQ(run("limited", config, true), RunEnd::kDone);
  EXPECT_EQ(weights("limited"), weights("whole"));
  EXPECT_EQ(comparable(read_run_log(folder_ / "limited" / "metrics.jsonl")),
            comparable(read_run_log(folder_ / "whole" / "metrics.jsonl")));
}

TEST_F(RunTraining, TheWeightsDependOnTheSeedAndNotOnThePictures) {
  TrainConfig config = four_steps();
  run("plain", config);
  config.sample_every = 1;
  run("pictured", config);
  EXPECT_EQ(weights("pictured"), weights("plain"));
  config.seed = 1;
  run("other", config);
  EXPECT_NE(weights("other"), weights("plain"));
}

}  // namespace
}  // namespace ddpm
