#include "ddpm/training/pace.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

// Ten steps of 0.3 s, of which 0.1 s are spent waiting, with pauses of any length among them.
TEST(Pace, PausesCountForNothing) {
  double now = 100.0;
  double waited = 0.0;
  Pace pace([&now] { return now; });
  for (int line = 0; line < 3; ++line) {
    for (int step = 0; step < 10; ++step) {
      now += 0.3;
      waited += 0.1;
      pace.step();
      const Pace::Pause pause(pace);
      now += step % 4 == line ? 1000.0 : 0.0;
    }
    const Pace::Numbers numbers = pace.take(waited);
    EXPECT_NEAR(numbers.steps_per_second, 1.0 / 0.3, 1e-9);
    EXPECT_NEAR(numbers.waiting_share, 1.0 / 3.0, 1e-9);
  }
}

TEST(Pace, AShareIsOne) {
  double now = 0.0;
  Pace pace([&now] { return now; });
  now = 1.0;
  EXPECT_EQ(pace.take(5.0).waiting_share, 1.0);
  EXPECT_EQ(pace.take(5.0).waiting_share, 0.0);
  EXPECT_EQ(pace.take(5.0).steps_per_second, 0.0);
}

}  // namespace
}  // namespace ddpm
