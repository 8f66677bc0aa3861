// For tests: what a run has to do with every learner. A test instantiates it with a type that has
// a static function `factory`:
//   INSTANTIATE_TYPED_TEST_SUITE_P(OfToys, RunOfALearner, Toys);

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/sha256.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/runlog/run_log.h"
#include "ddpm/testing/cut_run.h"

namespace ddpm {

template <typename Learners>
class RunOfALearner : public CutRunTraining {
 protected:
  RunOfALearner() : CutRunTraining(Learners::factory()) {}
};
TYPED_TEST_SUITE_P(RunOfALearner);

// A few of the operations; training/run_test.cc cuts a run at all of them.
TYPED_TEST_P(RunOfALearner, CutAtTheDiskEndsWithTheSameWeightsAndLog) {
  this->expect_same_end_wherever_cut(5, 16);
}

// All elements of one array of the weights.
inline void fill_weight(Learner& learner, size_t k, float value) {
  size_t count = 0;
  learner.arrays(ArraySet::kRaw).give(k, [&](std::span<const float> old) { count = old.size(); });
  learner.put_array(ArraySet::kRaw, k, std::vector<float>(count, value));
}

// Writes NaN into a weight once `step` steps are done.
inline RunObserver poison_after(int64_t step) {
  RunObserver observer;
  observer.on_step = [step](Learner& learner) {
    if (learner.counters().steps == step) fill_weight(learner, 0, std::nanf(""));
  };
  return observer;
}

// A stop that comes in the middle of a preview.
inline RunObserver stop_in_a_preview(bool& asked) {
  RunObserver observer;
  observer.previewing = [&asked](double images, int64_t) { asked = asked || images > 1.0; };
  observer.stop = [&asked] { return asked; };
  return observer;
}
// What t is drawn by is in the checkpoint: two runs that are interrupted before and after all times
// have their losses end as one that was not.
TYPED_TEST_P(RunOfALearner, ImportanceSamplingGoesOnExactlyWhereItWas) {
  TrainConfig config = four_steps();
  config.T = 2;
  config.batch_size = 6;
  config.steps = 12;
  config.loss = LossKind::kHybrid;
  config.variance = Variance::kLearnedRange;
  config.timestep_sampling = TimestepSampling::kImportance;
  int64_t full_since = 0;
  RunObserver observer;
  observer.on_step = [&](Learner& learner) {
    const auto counts = learner.carried().at("loss_history_counts");
    const bool full = std::ranges::all_of(counts, [](double count) { return count == 10; });
    if (full && full_since == 0) full_since = learner.counters().steps;
  };
  const auto final_weights = [&](const std::string& name) {
    return sha256_of_file(this->folder_ / name / "checkpoints/00000012/training/raw.safetensors");
  };
  this->run("whole", config, false, observer);
  ASSERT_GT(full_since, 2);
  ASSERT_LT(full_since, 10);
  for (const int64_t cut : {int64_t{2}, full_since + 1}) {
    const std::string name = concat("cut", cut);
    int64_t done = 0;
    RunObserver stopping;
    stopping.on_step = [&](Learner& learner) { done = learner.counters().steps; };
    stopping.stop = [&] { return done == cut; };
    EXPECT_EQ(this->run(name, config, false, stopping), RunEnd::kStopped);
    EXPECT_EQ(this->run(name, config, true), RunEnd::kDone);
    EXPECT_EQ(final_weights(name), final_weights("whole"));
  }
}

TYPED_TEST_P(RunOfALearner, TheWeightsDependOnTheSeedAndNotOnThePictures) {
  TrainConfig config = four_steps();
  this->run("plain", config);
  config.sample_every = 1;
  this->run("pictured", config);
  EXPECT_EQ(this->weights("pictured"), this->weights("plain"));
  config.seed = 1;
  this->run("other", config);
  EXPECT_NE(this->weights("other"), this->weights("plain"));
}

TYPED_TEST_P(RunOfALearner, APreviewThatIsGivenUpIsMadeWhenTheRunGoesOn) {
  TrainConfig config = four_steps();
  config.sample_every = 2;
  config.sample_count = 3;
  config.sample_steps = 5;
  this->run("whole", config);
  bool asked = false;
  EXPECT_EQ(this->run("cut", config, false, stop_in_a_preview(asked)), RunEnd::kStopped);
  const std::filesystem::path picture = std::filesystem::path("samples") / "00000002.png";
  EXPECT_FALSE(std::filesystem::exists(this->folder_ / "cut" / picture));
  EXPECT_EQ(this->newest_step("cut"), 2);

  EXPECT_EQ(this->run("cut", config, true), RunEnd::kDone);
  EXPECT_EQ(sha256_of_file(this->folder_ / "cut" / picture),
            sha256_of_file(this->folder_ / "whole" / picture));
  EXPECT_EQ(this->weights("cut"), this->weights("whole"));
  EXPECT_EQ(this->log_of("cut"), this->log_of("whole"));
}

TYPED_TEST_P(RunOfALearner, ANetworkThatIsNotFiniteEndsTheRunAndLeavesTheLastGoodCheckpoint) {
  TrainConfig config = four_steps();
  config.steps = 100;
  config.save_every = 10;
  config.max_bad_steps = 3;
  EXPECT_THROW(this->run("poisoned", config, false, poison_after(25)), NotFinite);
  const CheckpointStore store(this->folder_ / "poisoned");
  const auto newest = store.newest_valid().path;
  ASSERT_TRUE(newest);
  EXPECT_EQ(read_training_state(*newest).step, 20);

  const RunLog log = read_run_log(this->folder_ / "poisoned" / "metrics.jsonl");
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

TYPED_TEST_P(RunOfALearner, ACheckpointThatIsNotFiniteIsNeverWritten) {
  TrainConfig config = four_steps();
  config.steps = 100;
  config.save_every = 26;  // falls between the poison and the end of the patience
  config.max_bad_steps = 50;
  EXPECT_THROW(this->run("poisoned", config, false, poison_after(25)), NotFinite);
  EXPECT_TRUE(CheckpointStore(this->folder_ / "poisoned").list().empty());
}

TYPED_TEST_P(RunOfALearner, OneBadUpdateIsSkippedAndTheRunGoesOn) {
  TrainConfig config = four_steps();
  config.steps = 8;
  RunObserver observer;
  std::vector<float> saved;
  observer.on_step = [&saved](Learner& learner) {
    if (learner.counters().steps == 3) {
      learner.arrays(ArraySet::kRaw).give(0, [&](std::span<const float> weight) {
        saved.assign(weight.begin(), weight.end());
      });
      fill_weight(learner, 0, std::nanf(""));
    }
    if (learner.counters().steps == 4) learner.put_array(ArraySet::kRaw, 0, saved);
  };
  config.save_every = 0;
  EXPECT_EQ(this->run("bumpy", config, false, observer), RunEnd::kDone);
  const auto newest = CheckpointStore(this->folder_ / "bumpy").newest_valid().path;
  ASSERT_TRUE(newest);
  const TrainingState state = read_training_state(*newest);
  EXPECT_EQ(state.step, 8);
  EXPECT_EQ(state.skipped_updates, 1);
  EXPECT_EQ(state.optimizer_updates, 7);
  EXPECT_EQ(state.ema_updates, 7);
  EXPECT_EQ(state.bad_in_a_row, 0);
  // the preview between found no samples of those weights, and reported it
  const RunLog log = read_run_log(this->folder_ / "bumpy" / "metrics.jsonl");
  const auto preview = std::find_if(log.lines.begin(), log.lines.end(), [](const Json& line) {
    return line["kind"] == "channel_drift" && line["step"] == 4;
  });
  ASSERT_NE(preview, log.lines.end());
  EXPECT_TRUE((*preview)["raw"].contains("not_finite")) << *preview;
  EXPECT_FALSE((*preview)["ema"].contains("not_finite")) << *preview;
}

REGISTER_TYPED_TEST_SUITE_P(RunOfALearner, CutAtTheDiskEndsWithTheSameWeightsAndLog,
                            ImportanceSamplingGoesOnExactlyWhereItWas,
                            TheWeightsDependOnTheSeedAndNotOnThePictures,
                            APreviewThatIsGivenUpIsMadeWhenTheRunGoesOn,
                            ANetworkThatIsNotFiniteEndsTheRunAndLeavesTheLastGoodCheckpoint,
                            ACheckpointThatIsNotFiniteIsNeverWritten,
                            OneBadUpdateIsSkippedAndTheRunGoesOn);

}  // namespace ddpm
