#include "ddpm/jobs/picture.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"

namespace ddpm {

// A chain that is entered at t begins with a call of the network at t itself.
TEST(TimesFrom, BeginAtTheTimeAndGoOnThroughTheList) {
  const std::vector<int64_t> times = {20, 15, 10, 5, 0};
  EXPECT_EQ(times_from(times, 20), times);
  EXPECT_EQ(times_from(times, 10), (std::vector<int64_t>{10, 5, 0}));
  EXPECT_EQ(times_from(times, 12), (std::vector<int64_t>{12, 10, 5, 0}));
  EXPECT_EQ(times_from(times, 3), (std::vector<int64_t>{3, 0}));
}

TEST(TimesOfEighths, AreTimesAndZeroOnlyForNoEighth) {
  const std::vector<int64_t> eighths = {0, 1, 2, 4, 6, 8};
  EXPECT_EQ(times_of_eighths(1000, eighths), (std::vector<int64_t>{0, 125, 250, 500, 750, 1000}));
  EXPECT_EQ(times_of_eighths(6, eighths), (std::vector<int64_t>{0, 1, 1, 3, 4, 6}));
  EXPECT_EQ(times_of_eighths(1, eighths), (std::vector<int64_t>{0, 1, 1, 1, 1, 1}));
}

TEST(CheckNoiseTimes, NamesTheFirstOneOutside) {
  EXPECT_NO_THROW(check_noise_times("interpolate", "--at", {0, 20}, 0, 20));
  EXPECT_THROW(check_noise_times("interpolate", "--at", {0}, 1, 20), InvalidArgument);
  EXPECT_THROW(check_noise_times("interpolate", "--at", {21}, 0, 20), InvalidArgument);
}

}  // namespace ddpm
