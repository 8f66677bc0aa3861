#include "ddpm/diffusion/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

// Numbers in these tests were computed in float64 by an independent program from the definitions
// and are given to ten digits, so to a relative 5e-10; what float64 loses in 1 - alpha_bar is
// 1e-12.
constexpr double kDigits = 1e-9;

void expect_close(double got, double wanted, const std::string& what) {
  EXPECT_NEAR(got, wanted, kDigits * std::abs(wanted)) << what;
}

template <typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST(Schedule, LinearHasThePapersNumbers) {
  struct Row {
    int64_t t;
    double beta, alpha_bar, beta_tilde, x0_weight, xt_weight, sigma_over_signal, lambda;
  };
  const Row rows[] = {
      {1, 0.0001, 0.9999, 0, 1, 0, 0.01000050004, 4.605120183},
      {2, 0.0001199199199, 0.9997800921, 5.453187661e-05, 0.5452914995, 0.454708499, 0.01483092371,
       4.211040838},
      {3, 0.0001398398398, 0.999640283, 8.548911523e-05, 0.3887068359, 0.6112931603, 0.01896961936,
       3.96491656},
      {11, 0.0002991991992, 0.9978065725, 0.0002584636204, 0.1362778598, 0.8637220693,
       0.04688549021, 3.060047029},
      {101, 0.002091991992, 0.8951415909, 0.00205455353, 0.01889545559, 0.9810761026, 0.342259699,
       1.072185476},
      {251, 0.00507997998, 0.5214230306, 0.005051719844, 0.00768442233, 0.9919078833, 0.9580337147,
       0.04287230887},
      {501, 0.01005995996, 0.07779665837, 0.01005133578, 0.003058057076, 0.9941043508, 3.442967113,
       -1.236333632},
      {751, 0.01503993994, 0.003300158362, 0.01503917954, 0.0008734535068, 0.9924013631,
       17.37860069, -2.855239604},
      {999, 0.01998008008, 4.118193638e-05, 0.0199800633, 0.0001295242362, 0.9899587235,
       155.8251938, -5.048734826},
      {1000, 0.02, 4.035829765e-05, 0.01999998353, 0.0001283514872, 0.9899486783, 157.4072808,
       -5.058836592},
  };
  const Schedule schedule = Schedule::linear(1000);
  for (const Row& row : rows) {
    const std::string at = "t = " + std::to_string(row.t);
    expect_close(schedule.beta(row.t), row.beta, "beta at " + at);
    expect_close(schedule.alpha_bar(row.t), row.alpha_bar, "alpha_bar at " + at);
    const Posterior posterior = schedule.posterior(row.t);
    expect_close(posterior.variance, row.beta_tilde, "beta_tilde at " + at);
    expect_close(posterior.x0_weight, row.x0_weight, "x0_weight at " + at);
    expect_close(posterior.xt_weight, row.xt_weight, "xt_weight at " + at);
    const NoiseLevel level = schedule.level(row.t);
    expect_close(level.sigma / level.signal, row.sigma_over_signal, "sigma / signal at " + at);
    expect_close(level.lambda(), row.lambda, "lambda at " + at);
  }
}

TEST(Schedule, LinearSumsAreRight) {
  const Schedule schedule = Schedule::linear(1000);
  double beta = 0.0;
  double log_alpha_bar = 0.0;
  double beta_tilde = 0.0;
  for (int64_t t = 1; t <= 1000; ++t) {
    beta += schedule.beta(t);
    log_alpha_bar += std::log(schedule.alpha_bar(t));
    beta_tilde += schedule.posterior(t).variance;
  }
  // 1000 additions, each rounded: a relative 1e-13.
  EXPECT_NEAR(beta, 10.05, 1e-12);
  EXPECT_NEAR(log_alpha_bar, -3387.0377304621134, 1e-9);
  EXPECT_NEAR(beta_tilde, 10.035505610704286, 1e-11);
}

TEST(Schedule, LinearDoesNotScaleItsBetasByT) {
  const Schedule schedule = Schedule::linear(100);
  EXPECT_EQ(schedule.beta(1), 1e-4);
  EXPECT_EQ(schedule.beta(100), 0.02);
  EXPECT_NEAR(schedule.alpha_bar(100), 0.3636, 5e-5);
}

TEST(Schedule, CosineFollowsEquation17) {
  struct Row {
    int64_t T;
    double beta_1, beta_half, beta_after_half, beta_last_but_one, alpha_bar_half,
        alpha_bar_after_half, alpha_bar_T;
  };
  const Row rows[] = {
      {10, 0.02790726289, 0.2372815302, 0.3098834401, 0.7438293669, 0.4938435904, 0.3408096398,
       2.409172414e-5},
      {50, 0.001747513534, 0.05935366429, 0.06304977735, 0.7497570035, 0.4938435904, 0.462706862,
       9.711930299e-7},
      {100, 6.312815983e-4, 0.03059312428, 0.03154633936, 0.7499392804, 0.4938435904, 0.4782646329,
       2.428572279e-7},
      {250, 1.942687973e-4, 0.0124663146, 0.01262172352, 0.7499902862, 0.4938435904, 0.4876104332,
       3.885979868e-8},
      {4000, 9.865818814e-6, 7.883212766e-4, 7.889355535e-4, 0.7499999621, 0.4938435904,
       0.4934539797, 1.517980469e-10},
  };
  for (const Row& row : rows) {
    const Schedule schedule = Schedule::cosine(row.T);
    const std::string at = "T = " + std::to_string(row.T);
    expect_close(schedule.beta(1), row.beta_1, at);
    expect_close(schedule.beta(row.T / 2), row.beta_half, at);
    expect_close(schedule.beta(row.T / 2 + 1), row.beta_after_half, at);
    expect_close(schedule.beta(row.T - 1), row.beta_last_but_one, at);
    EXPECT_EQ(schedule.beta(row.T), 0.999) << at;
    expect_close(schedule.alpha_bar(row.T / 2), row.alpha_bar_half, at);
    expect_close(schedule.alpha_bar(row.T / 2 + 1), row.alpha_bar_after_half, at);
    expect_close(schedule.alpha_bar(row.T), row.alpha_bar_T, at);
  }
}

TEST(Schedule, CosineHasTheKnownNumbersForAThousandSteps) {
  const Schedule schedule = Schedule::cosine(1000);
  expect_close(schedule.beta(1), 4.128422482e-5, "beta_1");
  expect_close(schedule.beta(2), 4.614175274e-5, "beta_2");
  expect_close(schedule.beta(501), 0.003155691442, "beta_501");
  expect_close(schedule.beta(999), 0.7499993929, "beta_999");
  expect_close(schedule.alpha_bar(251), 0.8458879865, "alpha_bar_251");
  expect_close(schedule.alpha_bar(501), 0.4922851724, "alpha_bar_501");
  expect_close(schedule.alpha_bar(751), 0.1431786464, "alpha_bar_751");
  expect_close(schedule.alpha_bar(1000), 2.428766907e-9, "alpha_bar_1000");
}

// q(x_{t-1} | x_t, x_0) averaged over q(x_t | x_0) is q(x_{t-1} | x_0): means and variances.
TEST(Schedule, ThePosteriorComposesToTheMarginal) {
  for (const Schedule& schedule : {Schedule::linear(1000), Schedule::cosine(1000),
                                   Schedule::linear(2, 0.3, 0.9), Schedule({0.5})}) {
    for (int64_t t = 1; t <= schedule.steps(); ++t) {
      const Posterior posterior = schedule.posterior(t);
      const NoiseLevel level = schedule.level(t);
      const NoiseLevel before = schedule.level(t - 1);
      // A few roundings of numbers of at most 1.
      ASSERT_NEAR(posterior.x0_weight + posterior.xt_weight * level.signal, before.signal, 1e-14);
      const double spread = posterior.xt_weight * level.sigma;
      ASSERT_NEAR(spread * spread + posterior.variance, before.sigma * before.sigma, 1e-14);
    }
  }
}

TEST(Schedule, ThePosteriorOfTheFirstStepIsExactlyTheImage) {
  for (const Schedule& schedule : {Schedule::linear(1000), Schedule::cosine(7)}) {
    const Posterior posterior = schedule.posterior(1);
    EXPECT_EQ(posterior.x0_weight, 1.0);
    EXPECT_EQ(posterior.xt_weight, 0.0);
    EXPECT_EQ(posterior.variance, 0.0);
  }
}

TEST(Schedule, LevelsFallFromTheCleanImageWithUnitPower) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    const Schedule schedule = make_schedule({.kind = kind, .T = 500});
    EXPECT_EQ(schedule.steps(), 500);
    EXPECT_EQ(schedule.level(0).signal, 1.0);
    EXPECT_EQ(schedule.level(0).sigma, 0.0);
    EXPECT_EQ(schedule.level(0).lambda(), std::numeric_limits<double>::infinity());
    for (int64_t t = 1; t <= 500; ++t) {
      const NoiseLevel level = schedule.level(t);
      ASSERT_LT(level.signal, schedule.level(t - 1).signal);
      ASSERT_LT(level.lambda(), schedule.level(t - 1).lambda());
      ASSERT_NEAR(level.signal * level.signal + level.sigma * level.sigma, 1.0, 1e-13) << t;
    }
  }
}

TEST(Schedule, TakesExplicitBetas) {
  const Schedule schedule({0.5, 0.2});
  EXPECT_EQ(schedule.steps(), 2);
  EXPECT_EQ(schedule.beta(2), 0.2);
  EXPECT_DOUBLE_EQ(schedule.alpha_bar(2), 0.4);
  // By hand: 0.2 * 0.5 / 0.6, sqrt(0.5) * 0.2 / 0.6, sqrt(0.8) * 0.5 / 0.6.
  EXPECT_DOUBLE_EQ(schedule.posterior(2).variance, 1.0 / 6.0);
  EXPECT_DOUBLE_EQ(schedule.posterior(2).x0_weight, std::sqrt(0.5) / 3.0);
  EXPECT_DOUBLE_EQ(schedule.posterior(2).xt_weight, std::sqrt(0.8) / 1.2);
}

TEST(Schedule, RejectsTimesOutsideTheProcess) {
  const Schedule schedule = Schedule::linear(1000);
  for (const int64_t t : {int64_t{-1}, int64_t{1001}}) {
    EXPECT_THROW(schedule.beta(t), InvalidArgument);
    EXPECT_THROW(schedule.alpha_bar(t), InvalidArgument);
    EXPECT_THROW(schedule.level(t), InvalidArgument);
    EXPECT_THROW(schedule.posterior(t), InvalidArgument);
  }
  EXPECT_THROW(schedule.beta(0), InvalidArgument);
  EXPECT_THROW(schedule.posterior(0), InvalidArgument);
  EXPECT_EQ(message_of([&] { schedule.level(1001); }),
            "schedule: t must be in [0, 1000], got 1001");
}

TEST(Schedule, RejectsWhatIsNoSchedule) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(message_of([] { Schedule::linear(1000, 0.0); }),
            "schedule: beta_1 must be in (0, beta_T], got 0");
  EXPECT_EQ(message_of([] { Schedule::linear(1); }), "schedule: T must be in [2, 1000000], got 1");
  EXPECT_EQ(message_of([] { Schedule::linear(10, 0.1, 1.0); }),
            "schedule: beta_T must be in (0, 1), got 1");
  EXPECT_THROW(Schedule::linear(10, 0.03, 0.02), InvalidArgument);
  EXPECT_THROW(Schedule::linear(10, kNaN, 0.02), InvalidArgument);
  EXPECT_THROW(Schedule::linear(10, 1e-4, kNaN), InvalidArgument);
  EXPECT_THROW(Schedule::linear(int64_t{1} << 60), InvalidArgument);
  EXPECT_THROW(Schedule::cosine(1), InvalidArgument);
  EXPECT_THROW(Schedule::cosine(10, 0.0), InvalidArgument);
  EXPECT_THROW(Schedule({}), InvalidArgument);
  EXPECT_EQ(message_of([] {
              Schedule({0.1, 1.5});
            }),
            "schedule: beta_2 must be in (0, 1), got 1.5");
}

TEST(Schedule, RejectsBetasThatLeaveNothingOfTheImage) {
  EXPECT_NE(message_of([] { Schedule::linear(200'000); }).find("alpha_bar must stay above"),
            std::string::npos);
}

TEST(ScheduleKind, NamesGoThereAndBack) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    EXPECT_EQ(schedule_kind_from(to_string(kind)), kind);
  }
  EXPECT_EQ(message_of([] { schedule_kind_from("cosin"); }),
            "schedule: wanted linear or cosine, got 'cosin'; did you mean 'cosine'?");
}

TEST(MakeSchedule, FollowsTheConfiguration) {
  const Schedule linear = make_schedule({.T = 10, .beta_1 = 0.1, .beta_T = 0.2});
  EXPECT_EQ(linear.beta(1), 0.1);
  EXPECT_EQ(linear.beta(10), 0.2);
  EXPECT_EQ(make_schedule({.kind = ScheduleKind::kCosine, .T = 10}).beta(10), 0.999);
}

}  // namespace ddpm
