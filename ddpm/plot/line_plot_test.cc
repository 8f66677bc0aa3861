#include "ddpm/plot/line_plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ddpm/base/check.h"

namespace ddpm {
namespace {

using Ticks = std::vector<double>;

void expect_ticks(const Ticks& ticks, const Ticks& wanted) {
  ASSERT_EQ(ticks.size(), wanted.size());
  // multiples of a step, each with one rounding
  for (size_t i = 0; i < ticks.size(); ++i) EXPECT_NEAR(ticks[i], wanted[i], 1e-12);
}

TEST(LinearTicks, AreMultiplesOfOneTwoOrFive) {
  expect_ticks(linear_ticks(0, 10, 5), {0, 2, 4, 6, 8, 10});
  expect_ticks(linear_ticks(0.13, 0.97, 4), {0.5});
  expect_ticks(linear_ticks(0.13, 0.97, 8), {0.2, 0.4, 0.6, 0.8});
  expect_ticks(linear_ticks(-7, 12, 4), {-5, 0, 5, 10});
}

TEST(LinearTicks, OfARangeTooNarrowToCountInAreOnePoint) {
  expect_ticks(linear_ticks(3, 3, 5), {3});
  expect_ticks(linear_ticks(1.0, std::nextafter(1.0, 2.0), 5), {1});
  expect_ticks(linear_ticks(1e9, 1e9 + 1e-3, 5), {1e9});
}

TEST(LogTicks, ArePowersOfTenWhereThereAreEnough) {
  expect_ticks(log_ticks(0.005, 20), {0.01, 0.1, 1, 10});
}

TEST(LogTicks, OfANarrowRangeAreFinerSoThatThereAreAtLeastTwo) {
  expect_ticks(log_ticks(0.03, 0.4), {0.05, 0.1, 0.2});
  EXPECT_GE(log_ticks(0.031, 0.033).size(), 2U);
}

TEST(TickText, IsAsPeopleWriteNumbers) {
  EXPECT_EQ(tick_text(0.05), "0.05");
  EXPECT_EQ(tick_text(0), "0");
  EXPECT_EQ(tick_text(20000), "20,000");
  EXPECT_EQ(tick_text(1e-6), "1e-06");
  EXPECT_EQ(tick_text(0.3), "0.3");
}

struct Pixel {
  int red;
  int green;
  int blue;
};

Pixel at(const Image& image, int64_t y, int64_t x) {
  return {image.at(y, x, 0), image.at(y, x, 1), image.at(y, x, 2)};
}

// Pixels that are blue as the first colour of the palette is, and nothing else in an axis is.
int64_t blue_pixels(const Image& image, int64_t from_y, int64_t to_y) {
  int64_t count = 0;
  for (int64_t y = from_y; y < to_y; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      const Pixel pixel = at(image, y, x);
      count += pixel.blue > pixel.red + 80 ? 1 : 0;
    }
  }
  return count;
}

Panel one_series(const Ticks& x, const Ticks& y, bool log_y = false) {
  Panel panel;
  panel.log_y = log_y;
  panel.series.push_back({"", x, y, 0, 3.0, 1.0});
  return panel;
}

TEST(Plot, DrawsALineWhereItsPointsAre) {
  // a constant line lies in the middle of the panel, and nowhere near its ends
  const Image image = plot({one_series({0, 1, 2}, {5, 5, 5})}, 600, 300);
  EXPECT_GT(blue_pixels(image, 120, 170), 400);
  EXPECT_EQ(blue_pixels(image, 0, 100), 0);
  EXPECT_EQ(blue_pixels(image, 190, 300), 0);
}

TEST(Plot, BreaksTheLineAtWhatCannotBeDrawn) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const int64_t whole = blue_pixels(plot({one_series({0, 1, 2, 3}, {1, 1, 1, 1})}), 0, 480);
  const int64_t broken = blue_pixels(plot({one_series({0, 1, 2, 3}, {1, kNan, 1, 1})}), 0, 480);
  EXPECT_LT(broken, whole / 2);
  EXPECT_GT(broken, whole / 5);
  // zero has no place on a log axis
  const int64_t logged = blue_pixels(plot({one_series({0, 1, 2, 3}, {1, 0, 1, 1}, true)}), 0, 480);
  // but for the room that the numbers on the axis take
  EXPECT_NEAR(static_cast<double>(logged), static_cast<double>(broken),
              0.05 * static_cast<double>(broken));
}

TEST(Plot, OfTheLargestAndSmallestNumbersHasFiniteAxes) {
  for (const double huge : {1e100, 1e101, 1e308}) {
    // the first two points are drawn whatever the last is
    for (const bool log_y : {true, false}) {
      const Panel panel = one_series({0, 1, 2}, {1, 1, huge}, log_y);
      EXPECT_GT(blue_pixels(plot({panel}), 0, 480), 100) << huge << log_y;
      EXPECT_GT(blue_pixels(plot({one_series({0, 1, 2}, {1, 1, 1 / huge}, log_y)}), 0, 480), 100);
      EXPECT_GT(blue_pixels(plot({one_series({-huge, 0, 1, huge}, {1, 1, 1, 1}, log_y)}), 0, 480),
                100);
    }
  }
}

TEST(Plot, OfNothingIsAxesThatSaySo) {
  const Image image = plot({Panel{}}, 400, 300);
  EXPECT_EQ(image.height, 300);
  EXPECT_EQ(blue_pixels(image, 0, 300), 0);
}

TEST(Plot, PutsItsPanelsBelowEachOther) {
  const Image image = plot({one_series({0, 1}, {1, 1}), Panel{}}, 400, 200);
  EXPECT_EQ(image.height, 400);
  EXPECT_GT(blue_pixels(image, 0, 200), 100);
  EXPECT_EQ(blue_pixels(image, 200, 400), 0);
}

TEST(Plot, OfPointsThatDifferByOneRoundingComesToAnEnd) {
  const double above = std::nextafter(1.05, 2.0);
  EXPECT_GT(blue_pixels(plot({one_series({3, 4}, {1.05, above}, true)}), 0, 480), 100);
}

TEST(Plot, RefusesSeriesWithoutAPairForEachPoint) {
  EXPECT_THROW(plot({one_series({0, 1}, {1})}), InvalidArgument);
  EXPECT_THROW(plot({}), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
