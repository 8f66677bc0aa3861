#include "ddpm/jobs/sample.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/jobs/image_files.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_job.h"

namespace ddpm {
namespace {

SampleRequest request_of(const ToyJob& toy, const std::filesystem::path& out) {
  SampleRequest request{.model = toy.model(), .out = out, .count = 5, .seed = 3, .batch_size = 2};
  request.sampler.steps = 10;
  return request;
}

TEST(SampleJob, MakesEachImageAndPrintsNothing) {
  const ToyJob toy;
  const RecordingWatch watch;
  SampleResult result;
  EXPECT_EQ(printed_by([&] { result = sample(request_of(toy, toy.out()), toy.hooks(), watch); }),
            "");
  EXPECT_EQ(result.made, 5);
  EXPECT_EQ(result.steps, 10);
  watch.expect_whole(JobPhase::kSampling, 5);
  expect_contains(watch.about[0], "5 of 5 images to make, each in 10 steps");
  const auto files = files_below(toy.out());
  EXPECT_EQ(files.size(), 6U);
  EXPECT_EQ(files.count("grid.png"), 1U);
}

// Wherever it is stopped, there are whole images and nothing else, and the same request goes on.
TEST(SampleJob, AStopKeepsWholeImagesAndTheSameRequestMakesTheRest) {
  const ToyJob toy;
  const RecordingWatch whole;
  sample(request_of(toy, toy.folder / "whole"), toy.hooks(), whole);
  const auto expected = files_below(toy.folder / "whole");
  for (const int64_t patience : {0, 9, 10, 15, 29}) {
    const SampleRequest request = request_of(toy, toy.folder / std::to_string(patience));
    EXPECT_THROW(sample(request, toy.hooks(), RecordingWatch(patience)), Stopped);
    const auto kept = files_below(request.out);
    EXPECT_EQ(std::ssize(kept), patience / 10 * 2);  // of batches of two in ten steps
    for (const auto& [name, bytes] : kept) EXPECT_EQ(bytes, expected.at(name)) << name;
    const SampleResult result = sample(request, toy.hooks(), {});
    EXPECT_EQ(result.made, 5 - std::ssize(kept));
    EXPECT_EQ(files_below(request.out), expected);
  }
}

TEST(SampleJob, PassesTheImagesAsOneArray) {
  const ToyJob toy;
  SampleRequest request = request_of(toy, toy.out());
  std::string npz;
  int64_t opened = 0;
  request.open_npz = [&]() -> ByteSink {
    ++opened;
    return [&npz](std::span<const std::byte> piece) { npz += as_text(piece); };
  };
  EXPECT_THROW(sample(request, toy.hooks(), RecordingWatch(29)), Stopped);
  EXPECT_EQ(opened, 0);
  sample(request, toy.hooks(), {});
  EXPECT_EQ(opened, 1);
  expect_contains(npz, "arr_0.npy");
}

TEST(SampleJob, NeedsLibTorchForItsNumbersBeforeAnythingIsWritten) {
  const ToyJob toy;
  SampleRequest request = request_of(toy, toy.out());
  request.rng = Rng::kDiffusers;
  TorchHooks none = toy.hooks();
  none.torch_normal = nullptr;
  EXPECT_THROW(sample(request, none, {}), NeedsTorch);
  EXPECT_FALSE(std::filesystem::exists(toy.out()));
  sample(request, toy.hooks(), {});
  request.first_index = 1;
  EXPECT_THROW(check(request), InvalidArgument);
}

TEST(SampleJob, WarnsOfMoreThreadsThanCores) {
  const ToyJob toy;
  SampleRequest request = request_of(toy, toy.out());
  request.model.threads = 4096;
  const RecordingWatch watch;
  sample(request, toy.hooks(), watch);
  ASSERT_EQ(watch.warnings.size(), 1U);
  expect_contains(watch.warnings[0], "sample: --threads 4096: this process can use ");
}

TEST(SampleJob, RefusesTheFolderOfAnotherJob) {
  const ToyJob toy;
  SampleRequest request = request_of(toy, toy.out());
  sample(request, toy.hooks(), {});
  const auto before = files_below(toy.out());
  request.seed = 4;
  const RecordingWatch watch;
  expect_contains(complaint<InvalidArgument>([&] { sample(request, toy.hooks(), watch); }),
                  "is of another job: its seed is 3, expected 4");
  EXPECT_TRUE(watch.about.empty());
  EXPECT_EQ(files_below(toy.out()), before);
}

}  // namespace
}  // namespace ddpm
