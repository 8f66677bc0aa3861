#include "ddpm/training/interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

StepReport report_of(std::vector<int64_t> t, std::vector<double> losses) {
  StepReport report;
  for (const double loss : losses) report.loss += loss / static_cast<double>(losses.size());
  report.t = std::move(t);
  report.image_losses = std::move(losses);
  report.gradient_norm = 2.0;
  return report;
}

TEST(Interval, GivesTheMeansOfItsSteps) {
  Interval interval;
  interval.add(report_of({1, 1000}, {1.0, 3.0}), 1000);
  interval.add(report_of({100, 901}, {2.0, 5.0}), 1000);
  const Json numbers = interval.numbers();
  EXPECT_DOUBLE_EQ(numbers["loss"], 2.75);
  EXPECT_DOUBLE_EQ(numbers["gradient_norm"], 2.0);
  EXPECT_EQ(numbers["skipped_updates"], 0);
  // t = 1 and 100 are the ends of the first tenth, 901 and 1000 those of the last
  EXPECT_DOUBLE_EQ(numbers["loss_by_t"][0], 1.5);
  EXPECT_DOUBLE_EQ(numbers["loss_by_t"][9], 4.0);
  EXPECT_TRUE(numbers["loss_by_t"][5].is_null());
}

TEST(Interval, CountsSkippedUpdatesAndLeavesTheirLossesOut) {
  Interval interval;
  interval.add(report_of({5}, {1.0}), 10);
  StepReport bad = report_of({5}, {std::nan("")});
  bad.not_finite = "loss";
  interval.add(bad, 10);
  EXPECT_DOUBLE_EQ(interval.mean_loss(), 1.0);
  EXPECT_EQ(interval.numbers()["skipped_updates"], 1);
}

TEST(Interval, OfNothingButSkippedUpdatesHasNoLoss) {
  Interval interval;
  StepReport bad = report_of({5}, {std::nan("")});
  bad.not_finite = "gradient";
  interval.add(bad, 10);
  EXPECT_TRUE(interval.numbers()["loss"].is_null());
  EXPECT_TRUE(std::isnan(interval.mean_loss()));
}

TEST(Interval, GoesOnAfterAnInterruptionWithTheSameNumbers) {
  Interval whole;
  Interval first;
  for (int i = 1; i <= 3; ++i) {
    const StepReport report = report_of({i}, {0.1 * i});
    whole.add(report, 10);
    first.add(report, 10);
  }
  Interval second;
  second.restore(first.carried());
  for (int i = 4; i <= 7; ++i) {
    const StepReport report = report_of({i}, {0.1 * i});
    whole.add(report, 10);
    second.add(report, 10);
  }
  EXPECT_EQ(second.numbers(), whole.numbers());
}

TEST(Interval, RefusesSumsOfAnotherLength) {
  Interval interval;
  auto carried = interval.carried();
  carried["interval_bin_loss"].pop_back();
  EXPECT_THROW(interval.restore(carried), FormatError);
}

}  // namespace
}  // namespace ddpm
