#include "ddpm/training/snapshot.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ddpm/testing/learner_contract.h"
#include "ddpm/testing/toy_checkpoint.h"
#include "ddpm/testing/toy_learner.h"

namespace ddpm {
namespace {

// The averages begin where the weights do: an average that kept the random initial weights would
// sample noise for thousands of updates.
TEST(Snapshot, AWarmStartTakesTheAveragedWeightsAsWeightsAndAsAverages) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  const auto checkpoint = save_toy(store, 10);
  const ToyCheckpoint toy(10);
  ASSERT_NE(toy.ema, toy.raw);
  const auto learner = toy_learners()(toy.state.config, toy.state.unet);
  EXPECT_FALSE(begin_from(checkpoint, *learner).empty());
  const LearnerState state = state_of(*learner);
  EXPECT_EQ(state.arrays.at(ArraySet::kRaw), toy.ema);
  EXPECT_EQ(state.arrays.at(ArraySet::kEma), toy.ema);
  EXPECT_EQ(state.counters, LearnerCounters{});
  for (const ArraySet set : {ArraySet::kFirstMoment, ArraySet::kSecondMoment}) {
    for (const std::vector<float>& values : state.arrays.at(set)) {
      EXPECT_TRUE(std::ranges::all_of(values, [](float value) { return value == 0.0F; }));
    }
  }
}

TEST(Snapshot, ARestoredLearnerHasEveryArrayAndCounterOfTheCheckpoint) {
  const ToyRun run;
  CheckpointStore store(run.path, hasty_files());
  const auto checkpoint = save_toy(store, 10);
  const ToyCheckpoint toy(10);
  const auto learner = toy_learners()(toy.state.config, toy.state.unet);
  restore_snapshot(checkpoint, *learner);
  const LearnerState state = state_of(*learner);
  EXPECT_EQ(state.arrays.at(ArraySet::kRaw), toy.raw);
  EXPECT_EQ(state.arrays.at(ArraySet::kEma), toy.ema);
  EXPECT_EQ(state.arrays.at(ArraySet::kFirstMoment), toy.first);
  EXPECT_EQ(state.arrays.at(ArraySet::kSecondMoment), toy.second);
  EXPECT_EQ(state.counters, (LearnerCounters{.steps = 10,
                                             .skipped_updates = 1,
                                             .bad_in_a_row = 1,
                                             .optimizer_updates = 9,
                                             .ema_updates = 9}));
}

}  // namespace
}  // namespace ddpm
