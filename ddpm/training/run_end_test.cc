// How a run ends early, and its previews.

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "ddpm/base/check.h"
#include "ddpm/base/sha256.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/formats/png.h"
#include "ddpm/runlog/run_log.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_run.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

TEST_F(RunTraining, AStopIsHeardBetweenTwoSteps) {
  RunObserver observer;
  int64_t steps = 0;
  observer.progress = [&steps](int64_t step, int64_t, double) { steps = step; };
  observer.stop = [&steps] { return steps == 3; };
  EXPECT_EQ(run("stopped", four_steps(), false, observer), RunEnd::kStopped);
  EXPECT_EQ(newest_step("stopped"), 3);
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
  EXPECT_EQ(newest_step("short"), 0);
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

// An image that is gone when its turn comes.
TEST_F(RunTraining, DataThatCannotBeReadAnyMoreEndTheRunWithACheckpoint) {
  const fs::path data = folder_ / "data";
  fs::create_directory(data);
  int64_t number = 0;
  for (const Image& image : noise_images(6, 1)) {
    write_file_whole(data / concat(number++, ".png"), encode_png(image));
  }
  DataOptions nothing_kept;
  nothing_kept.spec = data.string();
  nothing_kept.memory_limit_bytes = 0;
  const Dataset decoded_at_each_use = open_dataset(nothing_kept);
  TrainConfig config = four_steps();
  config.steps = 1000;
  config.save_every = 0;
  config.sample_every = 0;
  int64_t done = 0;
  RunObserver observer;
  observer.progress = [&](int64_t step, int64_t, double) {
    done = step;
    if (step == 3) fs::remove(data / "2.png");
  };
  const std::string error = complaint<IoError>([&] {
    run_training({folder_ / "run", config, false, false}, decoded_at_each_use, make_learner_,
                 observer);
  });
  expect_contains(error, "2.png");
  expect_contains(error, concat("a complete checkpoint of step ", done, ": ddpm train --resume "));
  EXPECT_GE(done, 3);
  EXPECT_EQ(CheckpointStore(folder_ / "run").newest_valid().path,
            CheckpointStore(folder_ / "run").path_of(done));
  const RunLog log = read_run_log(folder_ / "run" / "metrics.jsonl");
  EXPECT_EQ(log.lines.back()["reason"], "data");
}

}  // namespace
}  // namespace ddpm
