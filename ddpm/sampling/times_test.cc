#include "ddpm/sampling/times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"

namespace ddpm {

namespace {

// The list that the network sees, in its own clock: without the final 0, less one.
std::vector<int64_t> network_times(Spacing spacing, int64_t steps) {
  std::vector<int64_t> times = times_for(spacing, 1000, steps);
  times.pop_back();
  for (int64_t& t : times) --t;
  return times;
}

using List = std::vector<int64_t>;

}  // namespace

// Lists of other samplers for T = 1000, in the network's clock, 0 .. 999.
TEST(TimesFor, LeadingIsAsElsewhere) {
  EXPECT_EQ(network_times(Spacing::kLeading, 1), (List{0}));
  EXPECT_EQ(network_times(Spacing::kLeading, 2), (List{500, 0}));
  EXPECT_EQ(network_times(Spacing::kLeading, 5), (List{800, 600, 400, 200, 0}));
  EXPECT_EQ(network_times(Spacing::kLeading, 7), (List{852, 710, 568, 426, 284, 142, 0}));
  EXPECT_EQ(network_times(Spacing::kLeading, 13),
            (List{912, 836, 760, 684, 608, 532, 456, 380, 304, 228, 152, 76, 0}));
  const List fifty = network_times(Spacing::kLeading, 50);
  EXPECT_EQ(fifty.front(), 980);
  EXPECT_EQ(fifty[1], 960);
}

TEST(TimesFor, LinspaceIsAsElsewhere) {
  EXPECT_EQ(network_times(Spacing::kLinspace, 1), (List{0}));
  EXPECT_EQ(network_times(Spacing::kLinspace, 2), (List{999, 0}));
  EXPECT_EQ(network_times(Spacing::kLinspace, 5), (List{999, 749, 500, 250, 0}));
  EXPECT_EQ(network_times(Spacing::kLinspace, 7), (List{999, 832, 666, 500, 333, 166, 0}));
  EXPECT_EQ(network_times(Spacing::kLinspace, 10),
            (List{999, 888, 777, 666, 555, 444, 333, 222, 111, 0}));
  EXPECT_EQ(network_times(Spacing::kLinspace, 13),
            (List{999, 916, 832, 749, 666, 583, 500, 416, 333, 250, 166, 83, 0}));
  const List fifty = network_times(Spacing::kLinspace, 50);
  EXPECT_EQ(List(fifty.begin(), fifty.begin() + 5), (List{999, 979, 958, 938, 917}));
}

TEST(TimesFor, TrailingIsAsElsewhere) {
  EXPECT_EQ(network_times(Spacing::kTrailing, 1), (List{999}));
  EXPECT_EQ(network_times(Spacing::kTrailing, 2), (List{999, 499}));
  EXPECT_EQ(network_times(Spacing::kTrailing, 5), (List{999, 799, 599, 399, 199}));
  EXPECT_EQ(network_times(Spacing::kTrailing, 7), (List{999, 856, 713, 570, 428, 285, 142}));
  EXPECT_EQ(network_times(Spacing::kTrailing, 13),
            (List{999, 922, 845, 768, 691, 614, 537, 461, 384, 307, 230, 153, 76}));
  EXPECT_EQ(times_for(Spacing::kTrailing, 1000, 4), (List{1000, 750, 500, 250, 0}));
}

TEST(TimesFor, QuadraticIsAsElsewhere) {
  EXPECT_EQ(network_times(Spacing::kQuadratic, 10),
            (List{800, 632, 484, 356, 247, 158, 89, 40, 10, 0}));
}

TEST(TimesFor, DpmListsAreAsElsewhere) {
  EXPECT_EQ(network_times(Spacing::kDpmLinspace, 7), (List{999, 856, 714, 571, 428, 285, 143}));
  EXPECT_EQ(network_times(Spacing::kDpmLinspace, 10),
            (List{999, 899, 799, 699, 599, 500, 400, 300, 200, 100}));
  EXPECT_EQ(network_times(Spacing::kDpmLinspace, 13),
            (List{999, 922, 845, 768, 692, 615, 538, 461, 384, 307, 231, 154, 77}));
  EXPECT_EQ(network_times(Spacing::kDpmLeading, 7), (List{875, 750, 625, 500, 375, 250, 125}));
  EXPECT_EQ(network_times(Spacing::kDpmLeading, 10),
            (List{900, 810, 720, 630, 540, 450, 360, 270, 180, 90}));
}

TEST(TimesFor, AnOffsetMovesLeadingTimesAndStaysBelowT) {
  EXPECT_EQ(times_for(Spacing::kLeading, 1000, 5, 1), (List{802, 602, 402, 202, 2, 0}));
  EXPECT_EQ(times_for(Spacing::kTrailing, 1000, 4, 1), times_for(Spacing::kTrailing, 1000, 4));
  for (const Spacing spacing : {Spacing::kLeading, Spacing::kDpmLeading}) {
    for (int64_t steps = 1; steps <= 97; ++steps) {
      for (const int64_t offset : {1, 2, 50, 97}) {
        const List times = times_for(spacing, 97, steps, offset);
        ASSERT_EQ(std::ssize(times), steps + 1);
        ASSERT_NO_THROW(check_times(times, 97)) << steps << ' ' << offset;
      }
    }
  }
  EXPECT_THROW(times_for(Spacing::kLeading, 97, 5, -1), InvalidArgument);
  EXPECT_THROW(times_for(Spacing::kLeading, 97, 5, 98), InvalidArgument);
}

TEST(LatestTimeAbove, IsTheLastOneWithThatLambda) {
  const Schedule schedule = cosine_schedule(1000);
  const int64_t t = latest_time_above(schedule, -5.1);
  EXPECT_GE(schedule.level(t).lambda(), -5.1);
  EXPECT_LT(schedule.level(t + 1).lambda(), -5.1);
  EXPECT_EQ(latest_time_above(schedule, -1e300), 1000);
  EXPECT_THROW(latest_time_above(schedule, 1e300), InvalidArgument);
}

List in_network_clock(List times) {
  times.pop_back();
  for (int64_t& t : times) --t;
  std::reverse(times.begin(), times.end());
  return times;
}

TEST(RespacedTimes, AreAsElsewhere) {
  EXPECT_EQ(in_network_clock(respaced_times("10", 1000)),
            (List{0, 111, 222, 333, 444, 555, 666, 777, 888, 999}));
  EXPECT_EQ(in_network_clock(respaced_times("7", 1000)), (List{0, 166, 333, 500, 666, 832, 999}));
  EXPECT_EQ(in_network_clock(respaced_times("13", 1000)),
            (List{0, 83, 166, 250, 333, 416, 500, 583, 666, 749, 832, 916, 999}));
  EXPECT_EQ(in_network_clock(respaced_times("ddim10", 1000)),
            (List{0, 100, 200, 300, 400, 500, 600, 700, 800, 900}));
  EXPECT_EQ(in_network_clock(respaced_times("10,15,20", 300)),
            (List{0,   11,  22,  33,  44,  55,  66,  77,  88,  99,  100, 107, 114, 121, 128,
                  135, 142, 149, 157, 164, 171, 178, 185, 192, 199, 200, 205, 210, 216, 221,
                  226, 231, 236, 242, 247, 252, 257, 263, 268, 273, 278, 283, 289, 294, 299}));
  EXPECT_EQ(
      in_network_clock(respaced_times("25,15,10", 1000)),
      (List{0,   14,  28,  42,  56,  69,  83,  97,  111, 125, 139, 153, 166, 180, 194, 208, 222,
            236, 250, 264, 278, 291, 305, 319, 333, 334, 358, 381, 405, 429, 453, 476, 500, 524,
            547, 571, 595, 619, 642, 666, 667, 704, 741, 778, 815, 851, 888, 925, 962, 999}));
  EXPECT_EQ(respaced_times("1", 1000), (List{1, 0}));
}

// A whole stride gives 62 numbers of two times or more of 1000, and an error for the others.
TEST(RespacedTimes, WholeStridesAreFewAndBadTextsAreRefused) {
  int64_t possible = 0;
  for (int64_t steps = 2; steps <= 1000; ++steps) {
    try {
      const List times = respaced_times("ddim" + std::to_string(steps), 1000);
      EXPECT_EQ(std::ssize(times), steps + 1);
      ++possible;
    } catch (const InvalidArgument&) {
    }
  }
  EXPECT_EQ(possible, 62);
  for (const char* bad :
       {"", "ddim", "ddim10,20", "0", "10,,20", "x", "1001", "501,1", "-5", "1.5"}) {
    EXPECT_THROW(respaced_times(bad, 1000), InvalidArgument) << bad;
  }
}

TEST(KarrasTimes, AreAsElsewhere) {
  EXPECT_EQ(in_network_clock(karras_times(linear_schedule(1000), 10)),
            (List{0, 18, 102, 301, 511, 663, 775, 864, 937, 999}));
}

TEST(KarrasTimes, AnyNumberOfStepsIsAListThatCanBeWalked) {
  const Schedule schedule = linear_schedule(1000);
  for (int64_t steps = 1; steps <= 1000; ++steps) {
    const List times = karras_times(schedule, steps);
    ASSERT_EQ(std::ssize(times), steps + 1);
    ASSERT_NO_THROW(check_times(times, 1000)) << steps;
    ASSERT_EQ(times.front(), 1000);
  }
  EXPECT_EQ(karras_times(linear_schedule(1), 1), (List{1, 0}));
  EXPECT_THROW(karras_times(make_schedule({.kind = ScheduleKind::kJsd}), 10), InvalidArgument);
  EXPECT_THROW(karras_times(schedule, 0), InvalidArgument);
  EXPECT_THROW(karras_times(schedule, 10, 0.0), InvalidArgument);
}

TEST(AngleTimes, AnyNumberOfStepsOfAnyScheduleIsAListThatCanBeWalked) {
  std::vector<Schedule> schedules = {
      Schedule({0.0, 0.0, 0.3, 0.0, 1.0, 0.5, 1.0}), Schedule({0.0, 1.0}), Schedule({0.0, 0.0}),
      make_schedule({.kind = ScheduleKind::kLinear, .zero_terminal_snr = true})};
  for (const ScheduleKind kind : all_schedule_kinds()) {
    schedules.push_back(make_schedule({.kind = kind, .T = 100}));
  }
  for (const Schedule& schedule : schedules) {
    for (int64_t steps = 1; steps <= schedule.steps(); ++steps) {
      const List times = angle_times(schedule, steps);
      ASSERT_EQ(std::ssize(times), steps + 1);
      ASSERT_NO_THROW(check_times(times, schedule.steps())) << steps;
      ASSERT_EQ(times.front(), schedule.steps());
    }
  }
  EXPECT_THROW(angle_times(schedules[0], 0), InvalidArgument);
  EXPECT_THROW(angle_times(schedules[0], 8), InvalidArgument);
}

// By hand: angles of 0.1, 0.2, .. 0.9 and rho = 7, from 0.1^(1/7) = 0.720 to 0.9^(1/7) = 0.985. The
// middle one of three is ((0.720 + 0.985) / 2)^7 = 0.327, between 0.3 and 0.4 and nearer to 0.3.
TEST(AngleTimes, HaveEqualStepsOfTheSeventhRootOfTheAngle) {
  std::vector<double> betas;
  double before = 1.0;
  for (int64_t t = 1; t <= 9; ++t) {
    const double signal = std::cos(0.1 * static_cast<double>(t));
    betas.push_back(1.0 - signal * signal / before);
    before = signal * signal;
  }
  EXPECT_EQ(angle_times(Schedule(betas), 3), (List{9, 3, 1, 0}));
}

TEST(LambdaTimes, HaveEqualStepsOfLambda) {
  const Schedule schedule = linear_schedule(1000);
  const List times = lambda_times(schedule, 5);
  const double first = schedule.level(1).lambda();
  const double last = schedule.level(1000).lambda();
  for (int64_t i = 0; i < 5; ++i) {
    const double lambda = schedule.level(times[static_cast<size_t>(i)]).lambda();
    EXPECT_NEAR(lambda, last + (first - last) * static_cast<double>(i) / 4.0, 0.02);
  }
  EXPECT_THROW(lambda_times(make_schedule({.kind = ScheduleKind::kJsd}), 10), InvalidArgument);
}

// One level twice at the end was 0 / 0, and its time any number.
TEST(KarrasTimes, EndWithALevelThatIsThereTwice) {
  const List times = karras_times(Schedule({0.1, 0.2, 0.3, 0.0}), 3);
  EXPECT_NO_THROW(check_times(times, 4));
}

TEST(TimesFor, NearlyAllTimesLeaveOutTheMiddleOne) {
  for (const Spacing spacing : {Spacing::kLinspace, Spacing::kTrailing}) {
    const List times = network_times(spacing, 999);
    for (const int64_t t : times) EXPECT_NE(t, 499);
    EXPECT_EQ(times.size(), 999U);
  }
}

// Every number of steps, also those where a list made by repeated addition has one time too many
// (61, 103, 121, .. for T = 1000).
TEST(TimesFor, AnyNumberOfStepsIsAListThatCanBeWalked) {
  for (const Spacing spacing : all_spacings()) {
    for (const int64_t T : {1, 2, 3, 10, 97, 1000}) {
      for (int64_t steps = 1; steps <= T; ++steps) {
        const List times = times_for(spacing, T, steps);
        ASSERT_EQ(std::ssize(times), steps + 1);
        ASSERT_NO_THROW(check_times(times, T)) << to_string(spacing) << ' ' << T << ' ' << steps;
      }
    }
  }
}

TEST(TimesFor, AllStepsVisitEveryTime) {
  for (const Spacing spacing : all_spacings()) {
    for (const int64_t T : {1, 2, 250, 1000}) {
      const List times = times_for(spacing, T, T);
      for (int64_t i = 0; i <= T; ++i) ASSERT_EQ(times[static_cast<size_t>(i)], T - i);
    }
  }
}

TEST(TimesFor, TrailingBeginsAtTAndItsStepsDifferByOneAtMost) {
  for (int64_t steps = 1; steps <= 1000; ++steps) {
    const List times = times_for(Spacing::kTrailing, 1000, steps);
    ASSERT_EQ(times.front(), 1000);
    for (size_t i = 0; i + 1 < times.size(); ++i) {
      const int64_t stride = times[i] - times[i + 1];
      ASSERT_TRUE(stride == 1000 / steps || stride == 1000 / steps + 1) << steps;
    }
  }
}

TEST(TimesFor, RejectsStepsOutsideTheProcess) {
  EXPECT_THROW(times_for(Spacing::kTrailing, 1000, 0), InvalidArgument);
  EXPECT_THROW(times_for(Spacing::kLeading, 1000, 1001), InvalidArgument);
  EXPECT_THROW(times_for(Spacing::kLinspace, 0, 1), InvalidArgument);
  EXPECT_THROW(times_for(Spacing::kTrailing, int64_t{1} << 62, 3), InvalidArgument);
}

TEST(CheckTimes, RejectsWhatCannotBeWalked) {
  EXPECT_NO_THROW(check_times(List{7, 3, 0}, 1000));
  for (const List& bad : {List{}, List{0}, List{7, 3}, List{7, 7, 0}, List{3, 7, 0},
                          List{1001, 3, 0}, List{3, 0, 0}, List{3, -1, 0}, List{3, 0, -1}}) {
    EXPECT_THROW(check_times(bad, 1000), InvalidArgument);
  }
}

TEST(Spacing, NamesGoThereAndBack) {
  for (const Spacing spacing : all_spacings()) {
    EXPECT_EQ(spacing_from(to_string(spacing)), spacing);
  }
  EXPECT_THROW(spacing_from("Trailing"), InvalidArgument);
}

}  // namespace ddpm
