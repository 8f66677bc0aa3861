#include "ddpm/diffusion/schedule_kinds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/known_number.h"
#include "ddpm/testing/schedule_numbers.h"

namespace ddpm {

TEST(ScheduleKind, LinearSumsAreRight) {
  const Schedule schedule = linear_schedule(1000);
  double beta = 0.0;
  double log_alpha_bar = 0.0;
  double beta_tilde = 0.0;
  for (int64_t t = 1; t <= 1000; ++t) {
    beta += schedule.beta(t);
    log_alpha_bar += std::log(schedule.alpha_bar(t));
    beta_tilde += schedule.posterior(t).variance;
  }
  // 1000 additions, each rounded: a relative 1e-13.
  EXPECT_KNOWN(beta, 10.05, 1e-12);
  EXPECT_KNOWN(log_alpha_bar, -3387.0377304621134, 1e-9);
  EXPECT_KNOWN(beta_tilde, 10.035505610704286, 1e-11);
}

TEST(ScheduleKind, LinearDoesNotScaleItsBetasByT) {
  const Schedule schedule = linear_schedule(100);
  EXPECT_EQ(schedule.beta(1), 1e-4);
  EXPECT_EQ(schedule.beta(100), 0.02);
  EXPECT_NEAR(schedule.alpha_bar(100), 0.3636, 5e-5);
}

TEST(ScheduleKind, CosineFollowsEquation17) {
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
    const Schedule schedule = cosine_schedule(row.T);
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

TEST(ScheduleKind, NamesGoThereAndBack) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    EXPECT_EQ(schedule_kind_from(to_string(kind)), kind);
  }
  EXPECT_EQ(schedule_kind_from("scaled_linear"), ScheduleKind::kQuadratic);
  EXPECT_EQ(schedule_kind_from("list"), ScheduleKind::kList);
  EXPECT_EQ(schedule_names().size(), all_schedule_kinds().size() + 1);
  EXPECT_NE(complaint<InvalidArgument>([] {
              schedule_kind_from("cosin");
            }).find("did you mean 'cosine'?"),
            std::string::npos);
}

TEST(ScheduleKind, LevelsFallFromTheCleanImageWithUnitPower) {
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

struct KindRow {
  ScheduleConfig config;
  double beta_1, beta_2, beta_501, beta_999, beta_1000;
  double alpha_bar_251, alpha_bar_501, alpha_bar_751, alpha_bar_1000, beta_sum;
};

const KindRow kKindRows[] = {
    {{.kind = ScheduleKind::kLinear},
     1e-4,
     1.199199199e-4,
     0.01005995996,
     0.01998008008,
     0.02,
     0.5214230306,
     0.07779665837,
     0.003300158362,
     4.035829765e-05,
     10.05},
    {{.kind = ScheduleKind::kQuadratic},
     1e-4,
     1.026483644e-4,
     0.005742071068,
     0.01996280852,
     0.02,
     0.8200102359,
     0.3312745795,
     0.03814965738,
     7.334124596e-4,
     7.17428599775},
    {{.kind = ScheduleKind::kWarmup10},
     1e-4,
     3.01010101e-4,
     0.02,
     0.02,
     0.02,
     0.01720748518,
     1.102138891e-4,
     7.059196166e-7,
     4.613686682e-9,
     19.005},
    {{.kind = ScheduleKind::kWarmup50},
     1e-4,
     1.398797595e-4,
     0.02,
     0.02,
     0.02,
     0.2778588135,
     0.006225656581,
     3.987531103e-5,
     2.606135134e-7,
     15.025},
    {{.kind = ScheduleKind::kConstant},
     0.02,
     0.02,
     0.02,
     0.02,
     0.02,
     0.006276896951,
     4.020350544e-5,
     2.575033273e-7,
     1.682967357e-9,
     20},
    {{.kind = ScheduleKind::kJsd},
     0.001,
     0.001001001001,
     0.002,
     0.5,
     1,
     0.749,
     0.499,
     0.249,
     0,
     7.48547086055},
    {{.kind = ScheduleKind::kCosine},
     4.128422482e-5,
     4.614175274e-5,
     0.003155691442,
     0.7499993929,
     0.999,
     0.8458879865,
     0.4922851724,
     0.1431786464,
     2.428766907e-9,
     12.4414964171},
    {{.kind = ScheduleKind::kSigmoid},
     1.492052008e-4,
     1.497983304e-4,
     0.01007987979,
     0.01995020167,
     0.0199507948,
     0.9027989162,
     0.2988876278,
     0.005622918576,
     3.968181991e-5,
     10.05},
    {{.kind = ScheduleKind::kSigmoidAlphaBar},
     3.002791997e-4,
     3.020041192e-4,
     0.003314364236,
     0.5013569029,
     0.999,
     0.8498630092,
     0.4983428179,
     0.148159681,
     3.002791997e-7,
     8.67037962082},
    {{.kind = ScheduleKind::kLaplace},
     0.0211537572,
     0.008747812864,
     2.500313829e-4,
     0.1516296618,
     0.8472526271,
     0.7654326237,
     0.7072832706,
     0.6435381595,
     0.0316227766,
     2.39661428718},
    {{.kind = ScheduleKind::kExponential},
     0.01192828714,
     0.01192828714,
     0.01192828714,
     0.01192828714,
     0.01192828714,
     0.04919319392,
     0.002449184909,
     1.219377365e-4,
     6.144212353e-6,
     11.9282871381},
    {{.kind = ScheduleKind::kQuadratic, .beta_1 = 0.00085, .beta_T = 0.012},
     8.5e-4,
     8.546986554e-4,
     0.004814954142,
     0.01198237633,
     0.012,
     0.6737926252,
     0.2763326838,
     0.056169848,
     0.004660098513,
     5.34899279171},
    {{.kind = ScheduleKind::kLinear, .zero_terminal_snr = true},
     1e-4,
     1.206866355e-4,
     0.01029261743,
     0.7522672312,
     1,
     0.5188605368,
     0.0752462157,
     0.002644105922,
     0,
     18.6722177109},
};

TEST(ScheduleKind, EachHasItsKnownNumbersForAThousandSteps) {
  for (const KindRow& row : kKindRows) {
    SCOPED_TRACE(to_string(row.config.kind));
    const Schedule schedule = make_schedule(row.config);
    expect_close(schedule.beta(1), row.beta_1, "beta_1");
    expect_close(schedule.beta(2), row.beta_2, "beta_2");
    expect_close(schedule.beta(501), row.beta_501, "beta_501");
    expect_close(schedule.beta(999), row.beta_999, "beta_999");
    expect_close(schedule.beta(1000), row.beta_1000, "beta_1000");
    expect_close(schedule.alpha_bar(251), row.alpha_bar_251, "alpha_bar_251");
    expect_close(schedule.alpha_bar(501), row.alpha_bar_501, "alpha_bar_501");
    expect_close(schedule.alpha_bar(751), row.alpha_bar_751, "alpha_bar_751");
    expect_close(schedule.alpha_bar(1000), row.alpha_bar_1000, "alpha_bar_1000");
    double sum = 0.0;
    for (int64_t t = 1; t <= 1000; ++t) sum += schedule.beta(t);
    expect_close(sum, row.beta_sum, "the sum of the betas", 1e-11);
  }
}

TEST(ScheduleKind, ScaledLinearKeepsWhatIsLeftForEveryT) {
  struct {
    int64_t T;
    double beta_1, beta_T, alpha_bar_T;
  } const rows[] = {{4000, 2.5e-5, 0.005, 4.246652276e-5},
                    {1000, 1e-4, 0.02, 4.035829765e-05},
                    {250, 4e-4, 0.08, 3.264409135e-5},
                    {100, 0.001, 0.2, 2.039008976e-5}};
  for (const auto& row : rows) {
    const Schedule schedule = make_schedule({.kind = ScheduleKind::kLinearScaled, .T = row.T});
    expect_close(schedule.beta(1), row.beta_1, "beta_1");
    expect_close(schedule.beta(row.T), row.beta_T, "beta_T");
    expect_close(schedule.alpha_bar(row.T), row.alpha_bar_T, "alpha_bar_T");
  }
  // at T = 20 the last beta is 1, below it none is
  EXPECT_EQ(make_schedule({.kind = ScheduleKind::kLinearScaled, .T = 20}).alpha_bar(20), 0.0);
  EXPECT_NE(complaint<InvalidArgument>([] {
              make_schedule({.kind = ScheduleKind::kLinearScaled, .T = 19});
            }).find("must be in [0, 1]"),
            std::string::npos);
}

TEST(ScheduleKind, EachExistsForEveryT) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    for (const int64_t T : {1, 2, 3, 7, 21, 50, 1000, 4000}) {
      if (kind == ScheduleKind::kLinearScaled && T < 20) continue;
      SCOPED_TRACE(to_string(kind) + " of " + std::to_string(T));
      const Schedule schedule = make_schedule({.kind = kind, .T = T});
      EXPECT_EQ(schedule.steps(), T);
      for (int64_t t = 1; t <= T; ++t) {
        ASSERT_LE(schedule.alpha_bar(t), schedule.alpha_bar(t - 1));
      }
    }
  }
}

TEST(ScheduleKind, EndsMayBeZeroAndOne) {
  const Schedule all = make_schedule({.T = 3, .beta_1 = 0.0, .beta_T = 1.0});
  EXPECT_EQ(all.beta(1), 0.0);
  EXPECT_EQ(all.beta(2), 0.5);
  EXPECT_EQ(all.alpha_bar(3), 0.0);
  const Schedule nothing = make_schedule({.kind = ScheduleKind::kConstant, .T = 5, .beta_T = 0.0});
  EXPECT_EQ(nothing.alpha_bar(5), 1.0);
  EXPECT_EQ(make_schedule({.T = 2, .beta_1 = 0.02, .beta_T = 1e-4}).beta(2), 1e-4);  // falling
}

TEST(ZeroTerminalSnr, KeepsTheFirstLevelAndLeavesNothingAtTheEnd) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    ScheduleConfig config{.kind = kind, .T = 100};
    const double first = make_schedule(config).alpha_bar(1);
    config.zero_terminal_snr = true;
    const Schedule schedule = make_schedule(config);
    EXPECT_EQ(schedule.alpha_bar(1), first) << to_string(kind);
    EXPECT_EQ(schedule.alpha_bar(100), 0.0) << to_string(kind);
    EXPECT_GT(schedule.alpha_bar(99), 0.0) << to_string(kind);
  }
  EXPECT_THROW(zero_terminal_snr_betas({0.5}), InvalidArgument);
  EXPECT_THROW(zero_terminal_snr_betas({0.5, 0.0}), InvalidArgument);
}

TEST(MakeSchedule, TakesAList) {
  const Schedule schedule =
      make_schedule({.kind = ScheduleKind::kList, .T = 2, .betas = {0.0, 1.0}});
  EXPECT_EQ(schedule.alpha_bar(1), 1.0);
  EXPECT_EQ(schedule.alpha_bar(2), 0.0);
  EXPECT_EQ(complaint<InvalidArgument>(
                [] { make_schedule({.kind = ScheduleKind::kList, .T = 3, .betas = {0.1}}); }),
            "schedule: wanted as many betas as T, 3, got 1");
}

TEST(MakeSchedule, RejectsWhatIsNoSchedule) {
  EXPECT_EQ(complaint<InvalidArgument>([] { make_schedule({.T = 1, .betas = {0.5}}); }),
            "schedule: betas belong to the schedule list, got them with linear");
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(complaint<InvalidArgument>([] { linear_schedule(1000, -0.1); }),
            "schedule: beta_1 must be in [0, 1], got -0.1");
  EXPECT_EQ(complaint<InvalidArgument>([] { linear_schedule(0); }),
            "schedule: T must be in [1, 1000000], got 0");
  EXPECT_THROW(linear_schedule(10, kNaN, 0.02), InvalidArgument);
  EXPECT_THROW(linear_schedule(10, 1e-4, kNaN), InvalidArgument);
  EXPECT_THROW(linear_schedule(int64_t{1} << 60), InvalidArgument);
}

}  // namespace ddpm
