#include "ddpm/cli/job_watch.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace ddpm {
namespace {

// What is printed on standard output, which is no terminal here.
std::string output_of(const std::function<void(const Watch& watch)>& job) {
  testing::internal::CaptureStdout();
  job(TerminalWatch());
  return testing::internal::GetCapturedStdout();
}

void report(const Watch& watch, JobPhase phase, double done, int64_t start = 0) {
  advance(watch, {.phase = phase, .unit = "images", .done = done, .total = 4, .start = start});
}

TEST(TerminalWatch, ShowsTheEndOfAPhaseOnce) {
  EXPECT_EQ(output_of([](const Watch& watch) {
              for (const double done : {1.0, 2.5, 4.0, 4.0}) {
                report(watch, JobPhase::kSampling, done);
              }
            }),
            "sampling 4/4 images\n");
}

TEST(TerminalWatch, ShowsNoEndOfReadingWhichTheReportOnTheDataFollows) {
  EXPECT_EQ(output_of([](const Watch& watch) {
              report(watch, JobPhase::kReading, 2.0);
              report(watch, JobPhase::kReading, 4.0);
              note(watch, "4 images\n");
              report(watch, JobPhase::kDenoising, 4.0);
            }),
            "4 images\ndenoising 4/4 images\n");
}

TEST(TerminalWatch, ShowsNothingOfWorkThatWasCompleteBefore) {
  EXPECT_EQ(output_of([](const Watch& watch) { report(watch, JobPhase::kEvaluating, 4.0, 4); }),
            "");
}

TEST(TerminalWatch, KnowsWhichPhaseIsComplete) {
  testing::internal::CaptureStdout();
  const TerminalWatch watch;
  EXPECT_FALSE(watch.is_complete(JobPhase::kReading));
  report(watch, JobPhase::kReading, 4.0);
  EXPECT_TRUE(watch.is_complete(JobPhase::kReading));
  EXPECT_FALSE(watch.is_complete(JobPhase::kEvaluating));
  report(watch, JobPhase::kEvaluating, 3.0);
  EXPECT_FALSE(watch.is_complete(JobPhase::kEvaluating));
  report(watch, JobPhase::kEvaluating, 4.0);
  EXPECT_TRUE(watch.is_complete(JobPhase::kEvaluating));
  testing::internal::GetCapturedStdout();
}

TEST(TerminalWatch, WarnsOnStandardError) {
  testing::internal::CaptureStderr();
  warn(TerminalWatch(), "sample: --threads 99");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "sample: --threads 99\n");
}

}  // namespace
}  // namespace ddpm
