// The jobs that draw pictures: what they report, how they stop, and what is in the picture.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/jobs/denoise.h"
#include "ddpm/jobs/family.h"
#include "ddpm/jobs/forward.h"
#include "ddpm/jobs/inpaint.h"
#include "ddpm/jobs/interpolate.h"
#include "ddpm/jobs/progressive.h"
#include "ddpm/jobs/reconstruct.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_job.h"

namespace ddpm {
namespace {

PictureRequest common_of(const ToyJob& toy) {
  PictureRequest request{.model = toy.model(), .seed = 3, .batch_size = 2};
  request.sampler.steps = 10;
  return request;
}

DenoiseRequest denoise_of(const ToyJob& toy) {
  return {.model = toy.model(), .data = toy.images(), .images = 2, .columns = 4};
}

ProgressiveRequest progressive_of(const ToyJob& toy) {
  return {.picture = common_of(toy), .count = 3, .columns = 4};
}

FamilyRequest family_of(const ToyJob& toy) {
  return {.picture = common_of(toy), .shared_until = {20, 12}, .count = 3};
}

InterpolateRequest interpolate_of(const ToyJob& toy) {
  return {.picture = common_of(toy),
          .data = toy.images(),
          .at = {0, 6, 20},
          .points = 3,
          .encoding = Encoding::kDdim};
}

ReconstructRequest reconstruct_of(const ToyJob& toy) {
  return {.picture = common_of(toy), .data = toy.images(), .images = {0, 2}, .at = {6, 15}};
}

InpaintRequest inpaint_of(const ToyJob& toy) {
  InpaintRequest request{
      .picture = common_of(toy), .data = toy.images(), .fill = "right", .count = 3};
  request.repaint.jump_length = 5;
  request.repaint.resamplings = 2;
  return request;
}

struct Row {
  const char* name;
  size_t rows;
  size_t columns;
  int64_t total;  // of its progress
  std::function<Picture(const ToyJob& toy, const Watch& watch)> run;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

const Row kRows[] = {
    // from T / 2: the time itself, and the nine below it
    {"denoise", 4, 4, 10,
     [](const ToyJob& toy, const Watch& watch) {
       return denoise(denoise_of(toy), ToyJob::hooks(), watch).picture;
     }},
    {"progressive", 3, 4, 3,
     [](const ToyJob& toy, const Watch& watch) {
       return progressive(progressive_of(toy), ToyJob::hooks(), watch).picture;
     }},
    {"family", 2, 5, 6,
     [](const ToyJob& toy, const Watch& watch) {
       return family(family_of(toy), ToyJob::hooks(), watch).picture;
     }},
    // at two times both images up and three down
    {"interpolate", 3, 5, 10,
     [](const ToyJob& toy, const Watch& watch) {
       return interpolate(interpolate_of(toy), ToyJob::hooks(), watch).picture;
     }},
    {"reconstruct", 2, 5, 4,
     [](const ToyJob& toy, const Watch& watch) {
       return reconstruct(reconstruct_of(toy), ToyJob::hooks(), watch).picture;
     }},
    {"inpaint", 1, 5, 3,
     [](const ToyJob& toy, const Watch& watch) {
       return inpaint(inpaint_of(toy), ToyJob::hooks(), watch).picture;
     }},
};

class PictureJobs : public testing::TestWithParam<Row> {};

TEST_P(PictureJobs, ReportTheirWayAndPrintNothing) {
  const ToyJob toy;
  const RecordingWatch watch;
  Picture picture;
  EXPECT_EQ(printed_by([&] { picture = GetParam().run(toy, watch); }), "");
  watch.expect_whole(JobPhase::kDenoising, GetParam().total);
  expect_contains(watch.about[0], "checkpoint 00000010 (ema weights, ");
  EXPECT_EQ(picture.rows.size(), GetParam().rows);
  EXPECT_EQ(picture.columns.size(), GetParam().columns);
  ASSERT_EQ(picture.cells.size(), GetParam().rows * GetParam().columns);
  for (const Image& cell : picture.cells) EXPECT_EQ(cell.samples.size(), 16U);
  EXPECT_GT(layout_of(picture).width, 16);
}

TEST_P(PictureJobs, StopAtEachQuestionAndWriteNothing) {
  const ToyJob toy;
  const RecordingWatch whole;
  GetParam().run(toy, whole);
  ASSERT_GT(whole.questions, 3);
  for (int64_t patience = 0; patience < whole.questions; patience += 3) {
    const RecordingWatch watch(patience);
    EXPECT_THROW(GetParam().run(toy, watch), Stopped);
    EXPECT_EQ(watch.questions, patience + 1);
  }
  EXPECT_EQ(files_below(toy.folder).size(), size_t{kToyImages});
}

TEST_P(PictureJobs, DoNotDependOnTheWatch) {
  const ToyJob toy;
  const RecordingWatch watch;
  const Picture watched = GetParam().run(toy, watch);
  const Picture alone = GetParam().run(toy, {});
  EXPECT_EQ(watched.text, alone.text);
  for (size_t i = 0; i < alone.cells.size(); ++i) {
    EXPECT_EQ(watched.cells[i].samples, alone.cells[i].samples);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PictureJobs, testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(ForwardJob, DrawsEachImageAtEachTime) {
  const ToyJob toy;
  ForwardRequest request;
  request.data.spec = toy.images();
  request.schedule.T = kToySteps;
  request.times = {0, 5, 20};
  const RecordingWatch watch;
  ForwardResult result;
  EXPECT_EQ(printed_by([&] { result = forward(request, watch); }), "");
  EXPECT_EQ(result.images, kToyImages);
  EXPECT_EQ(result.picture.cells.size(), 9U);
  expect_contains(watch.notes, "3");
  watch.expect_whole(JobPhase::kReading, kToyImages);
  EXPECT_THROW(forward(request, RecordingWatch(0)), Stopped);
  request.times = {5, 21};
  EXPECT_THROW(check(request), InvalidArgument);
}

TEST(ReconstructJob, MeasuresEachImageAndAll) {
  const ToyJob toy;
  const ReconstructResult result = reconstruct(reconstruct_of(toy), ToyJob::hooks(), {});
  ASSERT_EQ(result.errors.size(), 2U);
  for (const ReconstructionError& error : result.errors) {
    ASSERT_EQ(error.images.size(), 2U);
    const double a = error.images[0].rmse;
    const double b = error.images[1].rmse;
    EXPECT_NEAR(error.rmse * error.rmse, (a * a + b * b) / 2.0, 1e-9);
  }
}

TEST(InpaintJob, KeepsWhatIsKnown) {
  const ToyJob toy;
  const InpaintResult result = inpaint(inpaint_of(toy), ToyJob::hooks(), {});
  const Image& original = result.picture.cells[0];
  for (size_t cell = 2; cell < result.picture.cells.size(); ++cell) {
    for (size_t pixel = 0; pixel < result.known.size(); ++pixel) {
      if (result.known[pixel] == 0) continue;
      EXPECT_EQ(result.picture.cells[cell].samples[pixel], original.samples[pixel]);
    }
  }
}

TEST(FamilyJob, RefusesMembersThatWouldBeOneImage) {
  const ToyJob toy;
  FamilyRequest request = family_of(toy);
  request.picture.sampler.sampler = SamplerKind::kDdim;
  const RecordingWatch watch;
  expect_contains(complaint<InvalidArgument>([&] { family(request, ToyJob::hooks(), watch); }),
                  "family: --sampler ddim adds no noise from time 20 on");
  EXPECT_TRUE(watch.about.empty());
}

TEST(Cells, AreWrittenOneByOneAndReplaceOnlyCells) {
  const ToyJob toy;
  const Picture picture = progressive(progressive_of(toy), ToyJob::hooks(), {}).picture;
  EXPECT_EQ(write_cells(toy.out(), picture), 0);
  EXPECT_EQ(files_below(toy.out()).size(), 12U);
  EXPECT_EQ(write_cells(toy.out(), picture), 12);
  check_cells("progressive", toy.out());
  toy.folder.write("out/07-00.png", "a letter");
  expect_contains(complaint<InvalidArgument>([&] { check_cells("progressive", toy.out()); }),
                  "expected an image of an earlier picture, got another file");
}

}  // namespace
}  // namespace ddpm
