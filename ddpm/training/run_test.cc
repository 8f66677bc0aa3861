// What a run leaves on the disk, wherever it is cut.

#include "ddpm/training/run.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/testing/cut_run.h"
#include "ddpm/testing/toy_run.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// Under a sanitizer every fifth operation is cut: each takes long, and uses memory as others do.
#ifdef __SANITIZE_ADDRESS__
constexpr int64_t kStride = 5;
#else
constexpr int64_t kStride = 1;
#endif

// The operations on the disk are divided among kParts tests, which ctest can run side by side.
constexpr int64_t kParts = 4;
class CutTraining : public CutRunTraining, public testing::WithParamInterface<int64_t> {};

TEST_P(CutTraining, AtAnyOperationOnTheDiskEndsWithTheSameWeightsAndLog) {
  expect_same_end_wherever_cut(GetParam(), kParts * kStride);
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
  run_training({folder_ / "other", other, false, false}, decoded_at_each_use, make_learner_, {});
  EXPECT_EQ(weights("other"), weights("one"));
}

TEST_F(RunTraining, MoreStepsAreKeptWhereverTheirRunIsCut) {
  TrainConfig config = four_steps();
  config.steps = 6;
  run("whole", config);
  const auto wanted = weights("whole", "00000006");
  const auto extend = [&](FileLayer& files) {
    return train({.run = folder_ / "cut", .config = config, .resume = true, .steps_given = true},
                 {}, files);
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

}  // namespace
}  // namespace ddpm
