#include "ddpm/plot/loss_plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ddpm {
namespace {

TEST(Smoothed, BeginsAtTheFirstValueAndFollowsTheFormula) {
  const std::vector<double> result = smoothed({4.0, 0.0}, 0.5);
  EXPECT_DOUBLE_EQ(result[0], 4.0);
  // m = 0.5 * 2 + 0.5 * 0 = 1, divided by 1 - 0.5^2
  EXPECT_DOUBLE_EQ(result[1], 1.0 / 0.75);
}

TEST(Smoothed, OfAConstantIsThatConstantWhateverIsMissing) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> result = smoothed({nan, 2.0, nan, 2.0}, 0.9);
  EXPECT_TRUE(std::isnan(result[0]));
  for (const size_t i : {1, 2, 3}) EXPECT_NEAR(result[i], 2.0, 1e-15);
}

TEST(LossPlot, IsDrawnOfAnyNumbersThatALogCanHold) {
  const RunLog log = parse_run_log(
      R"({"kind":"metrics","step":9223372036854775807,"loss":1e308,"loss_by_t":[1e-320,-1e308]})"
      "\n"
      R"({"kind":"metrics","step":0,"loss":4e-324,"loss_by_t":[]})"
      "\n"
      R"({"kind":"metrics","loss":null,"loss_by_t":[null]})"
      "\n");
  EXPECT_EQ(log.metrics.size(), 3U);
  EXPECT_FALSE(loss_plot_png(log).empty());
}

}  // namespace
}  // namespace ddpm
