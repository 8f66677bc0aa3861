// What a run leaves on the disk, wherever it is cut.

#include "ddpm/training/run.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/base/sha256.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/runlog/run_log.h"
#include "ddpm/testing/faulty_files.h"
#include "ddpm/testing/toy_run.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// Resumes until it is done, or starts if there is no run yet: what the error lines ask for.
void finish(const fs::path& run, const Dataset& dataset, const TrainConfig& config) {
  const bool resume = fs::exists(run / "config.json");
  run_training({run, config, resume, false}, dataset, at::kCPU, {});
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

// What t is drawn by is in the checkpoint: two runs that are interrupted before and after all times
// have their losses end as one that was not.
TEST_F(RunTraining, ImportanceSamplingGoesOnExactlyWhereItWas) {
  TrainConfig config = four_steps();
  config.T = 2;
  config.batch_size = 6;
  config.steps = 12;
  config.loss = LossKind::kHybrid;
  config.variance = Variance::kLearnedRange;
  config.timestep_sampling = TimestepSampling::kImportance;
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
