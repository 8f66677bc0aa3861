// Steps whose loss or gradients are not finite.

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/runlog/run_log.h"
#include "ddpm/testing/toy_run.h"

namespace ddpm {
namespace {

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
  // the preview between found no samples of those weights, and reported it
  const RunLog log = read_run_log(folder_ / "bumpy" / "metrics.jsonl");
  const auto preview = std::find_if(log.lines.begin(), log.lines.end(), [](const Json& line) {
    return line["kind"] == "channel_drift" && line["step"] == 4;
  });
  ASSERT_NE(preview, log.lines.end());
  EXPECT_TRUE((*preview)["raw"].contains("not_finite")) << *preview;
  EXPECT_FALSE((*preview)["ema"].contains("not_finite")) << *preview;
}

}  // namespace
}  // namespace ddpm
