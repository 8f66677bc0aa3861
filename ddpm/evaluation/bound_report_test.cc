#include "ddpm/evaluation/bound_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ddpm/base/text.h"

namespace ddpm {
namespace {

// A chain of `T` steps whose terms are t bits, so that the rate at t is the sum of what is above.
BoundSummary summary_of(int64_t T, int64_t images) {
  BoundPlan plan;
  for (int64_t t = T; t >= 0; --t) plan.times.push_back(t);
  for (int64_t k = 0; k < T; ++k) plan.strata.push_back({k, 1});
  std::vector<BoundTerm> terms;
  for (int64_t i = 0; i < images; ++i) {
    for (int64_t t = T; t >= 1; --t) {
      terms.push_back({.nats = static_cast<double>(t) * kNatsPerBit, .squared_error = 0.25});
    }
  }
  return summarise(plan, 1, terms, std::vector<double>(static_cast<size_t>(images), 0.0));
}

TEST(BoundReport, TheTableHasTheTimesOfThePapersTable) {
  const auto rows = tenths(summary_of(1000, 1));
  ASSERT_EQ(rows.size(), 10U);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(rows[i].t, static_cast<int64_t>(1 + 100 * i));
  EXPECT_DOUBLE_EQ(rows[0].rate.mean, 500500.0 - 1.0) << "all but L_0";
  EXPECT_EQ(tenths(summary_of(4, 1)).size(), 4U);
  EXPECT_EQ(split(rate_distortion_text(summary_of(20, 2)), '\n').size(), 12U);
}

TEST(BoundReport, TheCsvHasARowForEachStratumAndEmptyCellsForUnknownErrors) {
  const auto lines = split(bound_csv(summary_of(3, 1)), '\n');
  ASSERT_EQ(lines.size(), 5U);  // the last one is empty
  EXPECT_EQ(lines[1], "3,2,1,3,,,0.25,,,0,,,63.75,");
  EXPECT_EQ(lines[3], "1,0,1,1,,,0.25,,,5,,,63.75,");
  EXPECT_EQ(split(bound_csv(summary_of(3, 2)), '\n')[3], "1,0,1,1,0,,0.25,0,,5,0,,63.75,0");
  EXPECT_EQ(split(lines[0], ',').size(), split(lines[1], ',').size());
}

TEST(BoundReport, TheJsonHasTheNumbersOfTheSummary) {
  const Json json = bound_json(summary_of(3, 2));
  EXPECT_DOUBLE_EQ(json["total"]["bits"].get<double>(), 6.0);
  EXPECT_DOUBLE_EQ(json["steps"]["bits"].get<double>(), 5.0);
  EXPECT_DOUBLE_EQ(json["last"]["bits"].get<double>(), 1.0);
  EXPECT_TRUE(json["total"]["noise_error"].is_null());
  EXPECT_EQ(json["parts"], 4);
}

TEST(BoundReport, TextsSayWhichErrorsAreKnown) {
  EXPECT_EQ(estimate_text({.mean = 3.5, .images_error = {}, .noise_error = {}}), "3.5");
  EXPECT_EQ(estimate_text({.mean = 3.5, .images_error = 0.012, .noise_error = 0.0034}),
            "3.5 +- 0.012 (noise 0.0034)");
}

TEST(BoundReport, ThePlotsHaveAPointForEachRow) {
  const BoundSummary summary = summary_of(20, 1);
  for (const auto& panels : {bound_panels(summary), rate_distortion_panels(summary)}) {
    for (const Panel& panel : panels) {
      ASSERT_EQ(panel.series.size(), 1U);
      EXPECT_EQ(panel.series[0].x.size(), 20U) << panel.title;
    }
  }
}

TEST(BoundReport, AStratumIsDrawnAtTheMiddleOfItsTimes) {
  const BoundPlan plan{.times = {3, 2, 1, 0}, .strata = {{0, 2}, {2, 1}}};
  const std::vector<BoundTerm> terms(2, {.nats = 1.0, .squared_error = 1.0});
  const Panel panel = bound_panels(summarise(plan, 1, terms, std::vector<double>{0.0}))[0];
  EXPECT_EQ(panel.series[0].x, (std::vector<double>{2.5, 1.0}));
}

}  // namespace
}  // namespace ddpm
