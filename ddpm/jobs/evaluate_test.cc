#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/jobs/evaluate_bound.h"
#include "ddpm/jobs/evaluate_flow.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_job.h"

namespace ddpm {
namespace {

EvaluationRequest common_of(const ToyJob& toy, const std::string& out) {
  return {.model = toy.model(),
          .data = toy.images(),
          .images = 2,
          .first_image = 1,
          .seed = 3,
          .batch_size = 8,
          .out = toy.folder / out};
}

BoundRequest bound_of(const ToyJob& toy, const std::string& out) {
  return {.common = common_of(toy, out), .draws = 2};
}

FlowRequest flow_of(const ToyJob& toy, const std::string& out) {
  return {.common = common_of(toy, out), .draws = 3, .probes = 2, .steps = 4};
}

TEST(BoundJob, WritesItsReportsAndPrintsNothing) {
  const ToyJob toy;
  const RecordingWatch watch;
  BoundResult result;
  EXPECT_EQ(
      printed_by([&] { result = evaluate_bound(bound_of(toy, "out"), ToyJob::hooks(), watch); }),
      "");
  watch.expect_whole(JobPhase::kEvaluating, 2 * 2 * kToySteps);
  EXPECT_EQ(result.T, kToySteps);
  EXPECT_EQ(std::ssize(result.summary.rows), kToySteps);
  const auto files = files_below(toy.out());
  EXPECT_EQ(files.size(), 4U);
  for (const char* name : {"bound.safetensors", "bound.csv", "bpd.json", "bpd.png"}) {
    EXPECT_EQ(files.count(name), 1U) << name;
  }
  expect_contains(watch.about[0], ", images 1 .. 2 of ");
}

// Stopped anywhere, the rows so far are kept, no report is there, and the same request ends with
// the same bytes.
TEST(BoundJob, AStopKeepsTheRowsAndTheSameRequestGoesOn) {
  const ToyJob toy;
  evaluate_bound(bound_of(toy, "whole"), ToyJob::hooks(), {});
  const auto expected = files_below(toy.folder / "whole");
  const RecordingWatch counting;
  evaluate_bound(bound_of(toy, "again"), ToyJob::hooks(), counting);
  for (int64_t patience = 0; patience < counting.questions; ++patience) {
    const std::string name = std::to_string(patience);
    EXPECT_THROW(evaluate_bound(bound_of(toy, name), ToyJob::hooks(), RecordingWatch(patience)),
                 Stopped);
    const auto kept = files_below(toy.folder / name);
    EXPECT_LE(kept.size(), 1U);
    const RecordingWatch rest;
    evaluate_bound(bound_of(toy, name), ToyJob::hooks(), rest);
    EXPECT_EQ(files_below(toy.folder / name), expected);
    EXPECT_EQ(rest.progress.back().start > 0, kept.size() == 1U);
  }
}

TEST(BoundJob, HasAReportOfProgressiveCodingOfTheSameRows) {
  const ToyJob toy;
  evaluate_bound(bound_of(toy, "out"), ToyJob::hooks(), {});
  BoundRequest request = bound_of(toy, "out");
  request.report = BoundReport::kRateDistortion;
  const RecordingWatch watch;
  evaluate_bound(request, ToyJob::hooks(), watch);
  EXPECT_EQ(watch.progress.back().start, watch.progress.back().total);
  EXPECT_EQ(files_below(toy.out()).count("progressive.png"), 1U);
  const RecordingWatch stopped(watch.questions - 1);
  EXPECT_THROW(evaluate_bound(request, ToyJob::hooks(), stopped), Stopped);
  request.times = "sampled:4";
  EXPECT_THROW(evaluate_bound(request, ToyJob::hooks(), {}), InvalidArgument);
}

TEST(BoundJob, RefusesTheFolderOfAnotherJob) {
  const ToyJob toy;
  evaluate_bound(bound_of(toy, "out"), ToyJob::hooks(), {});
  const auto before = files_below(toy.out());
  BoundRequest request = bound_of(toy, "out");
  request.clip_x0 = false;
  EXPECT_THROW(evaluate_bound(request, ToyJob::hooks(), {}), InvalidArgument);
  EXPECT_EQ(files_below(toy.out()), before);
}

TEST(FlowJob, WritesItsReportsAndGoesOnAfterAStop) {
  const ToyJob toy;
  const RecordingWatch watch;
  FlowResult result;
  EXPECT_EQ(
      printed_by([&] { result = evaluate_flow(flow_of(toy, "out"), ToyJob::hooks(), watch); }), "");
  watch.expect_whole(JobPhase::kEvaluating, 2 * 3 * 2);
  const auto expected = files_below(toy.out());
  EXPECT_EQ(expected.size(), 3U);
  EXPECT_NEAR(result.bits.mean - result.halved.mean, result.difference.mean, 1e-9);
  expect_contains(result.protocol, "\"kind\":\"flow\"");
  EXPECT_THROW(
      evaluate_flow(flow_of(toy, "late"), ToyJob::hooks(), RecordingWatch(watch.questions - 1)),
      Stopped);
  EXPECT_LE(files_below(toy.folder / "late").size(), 1U);
  evaluate_flow(flow_of(toy, "late"), ToyJob::hooks(), {});
  EXPECT_EQ(files_below(toy.folder / "late"), expected);
}

TEST(FlowJob, NeedsGradients) {
  const ToyJob toy;
  FlowRequest request = flow_of(toy, "out");
  EXPECT_THROW(evaluate_flow(request, {}, {}), NeedsTorch);
  request.common.model.backend = NetworkBackend::kEngine;
  expect_contains(complaint<InvalidArgument>([&] { evaluate_flow(request, ToyJob::hooks(), {}); }),
                  "wanted libtorch, which has gradients");
  EXPECT_FALSE(std::filesystem::exists(toy.out()));
}

}  // namespace
}  // namespace ddpm
