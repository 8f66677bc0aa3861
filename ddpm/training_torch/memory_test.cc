// What a run holds does not grow while it goes on.

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "ddpm/base/process_memory.h"
#include "ddpm/config/presets.h"
#include "ddpm/data/dataset.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/training/run.h"
#include "ddpm/training_torch/torch_learner.h"

namespace ddpm {
namespace {

// With previews, checkpoints and log lines on the way, several of each before the first look: the
// heap has then found its size. A leak of one image a step would still be within it; one of a
// batch's activations, or of a preview's network, is not.
TEST(Memory, StaysWithinTwoPercentFromStepOneHundredToFiveHundred) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the address sanitizer keeps what is freed";
#endif
  TrainConfig config = preset("tiny");
  config.data = "made in memory";
  config.steps = 500;
  config.save_every = 20;
  config.sample_every = 20;
  std::vector<Image> images(32, Image{8, 8, 1, 8, std::vector<uint16_t>(64, 100)});
  const Dataset dataset = make_dataset(std::move(images));
  const TemporaryFolder folder;
  std::map<int64_t, int64_t> resident;
  RunObserver observer;
  observer.on_step = [&resident](Learner& learner) {
    const int64_t step = learner.counters().steps;
    if (step == 101 || step == 499) resident[step] = resident_bytes();
  };
  run_training({folder / "run", config, false, false}, dataset, torch_learners(at::kCPU), observer);
  ASSERT_EQ(resident.size(), 2U);
  EXPECT_LE(static_cast<double>(resident[499]), 1.02 * static_cast<double>(resident[101]))
      << resident[101] << " and " << resident[499] << " bytes";
}

}  // namespace
}  // namespace ddpm
