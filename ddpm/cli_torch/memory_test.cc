// What a run holds does not grow while it goes on.

#include "ddpm/cli_torch/memory.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <vector>

#include "ddpm/config/presets.h"
#include "ddpm/data/dataset.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/training/run.h"

namespace ddpm {
namespace {

TEST(Memory, ResidentBytesSeeWhatIsTouched) {
  // from the system: what other tests have freed may be resident already
  constexpr size_t kBytes = 64 << 20;
  void* fresh = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(fresh, MAP_FAILED);
  const int64_t before = resident_bytes();
  const std::span<char> touched(static_cast<char*>(fresh), kBytes);
  std::fill(touched.begin(), touched.end(), 'x');
  EXPECT_NEAR(static_cast<double>(resident_bytes() - before), static_cast<double>(kBytes), 4e6);
  // the system collects a thread's pages in batches of 64, so the two may differ by a few of them
  constexpr int64_t kBatches = int64_t{1} << 20;
  EXPECT_GE(peak_memory_bytes() + kBatches, resident_bytes());
  EXPECT_EQ(touched[kBytes - 1], 'x');
  ::munmap(fresh, kBytes);
}

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
  observer.look = [&resident](Trainer& trainer) {
    const int64_t step = trainer.steps_done();
    if (step == 101 || step == 499) resident[step] = resident_bytes();
  };
  run_training({folder / "run", config, false, false}, dataset, at::kCPU, observer);
  ASSERT_EQ(resident.size(), 2U);
  EXPECT_LE(static_cast<double>(resident[499]), 1.02 * static_cast<double>(resident[101]))
      << resident[101] << " and " << resident[499] << " bytes";
}

}  // namespace
}  // namespace ddpm
