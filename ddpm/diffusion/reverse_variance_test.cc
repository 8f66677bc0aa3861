#include "ddpm/diffusion/reverse_variance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/testing/known_number.h"

namespace ddpm {
namespace {

TEST(LogVarianceRange, HasTheKnownNumbersOfALearnedRange) {
  const Schedule schedule = linear_schedule(1000);
  struct {
    int64_t t;
    double low, middle, high;
  } const rows[] = {{1, -9.8167251353, -9.5135327536, -9.2103403720},
                    {2, -9.8167251353, -9.4227057536, -9.0286863719},
                    {101, -6.1876967150, -6.1786676379, -6.1696385607},
                    {501, -4.6000497400, -4.5996209172, -4.5991920944},
                    {1000, -3.9120238291, -3.9120234173, -3.9120230054}};
  for (const auto& row : rows) {
    const LogVarianceRange range = log_variance_range(schedule, row.t - 1, row.t);
    EXPECT_KNOWN(range.at(-1.0), row.low, 1e-10);
    EXPECT_KNOWN(range.at(0.0), row.middle, 1e-10);
    EXPECT_KNOWN(range.at(1.0), row.high, 1e-10);
  }
}

TEST(LogVarianceRange, OfAnyTwoTimesIsThatOfTransitionAndPosterior) {
  const Schedule schedule = cosine_schedule(100);
  const LogVarianceRange range = log_variance_range(schedule, 20, 70);
  EXPECT_DOUBLE_EQ(std::exp(range.upper), schedule.transition(20, 70).variance);
  EXPECT_DOUBLE_EQ(std::exp(range.lower), schedule.posterior(20, 70).variance);
  EXPECT_LT(range.lower, range.upper);
}

// The best variance for data N(0, s^2), beta_tilde + x0_weight^2 s^2 sigma^2 / V, is between the
// ends; what a network says of it comes back, and to a long step it is carried between the ends.
TEST(LearnedLogVariance, GivesBackTheBestVarianceOfGaussianData) {
  const Schedule schedule = linear_schedule(1000);
  const auto best = [&](int64_t s, int64_t t) {
    const Posterior posterior = schedule.posterior(s, t);
    const NoiseLevel level = schedule.level(t);
    const double of_x0 = 0.25 * level.sigma * level.sigma /
                         (0.25 * level.signal * level.signal + level.sigma * level.sigma);
    return std::log(posterior.variance + posterior.x0_weight * posterior.x0_weight * of_x0);
  };
  for (const int64_t t : {2, 3, 100, 700, 1000}) {
    const LogVarianceRange one = log_variance_range(schedule, t - 1, t);
    EXPECT_EQ(LearnedLogVariance(Variance::kLearned, schedule, t - 1, t).at(best(t - 1, t)),
              best(t - 1, t));
    const double place = (best(t - 1, t) - one.lower) / (one.upper - one.lower);
    EXPECT_NEAR(
        LearnedLogVariance(Variance::kLearnedRange, schedule, t - 1, t).at(2.0 * place - 1.0),
        best(t - 1, t), 1e-12);
  }
}

TEST(LearnedLogVariance, OfALongStepStaysBetweenItsEnds) {
  const Schedule schedule = linear_schedule(1000);
  const LogVarianceRange one = log_variance_range(schedule, 99, 100);
  const LogVarianceRange far = log_variance_range(schedule, 50, 100);
  const LearnedLogVariance learned(Variance::kLearned, schedule, 50, 100);
  EXPECT_DOUBLE_EQ(learned.at(one.lower), far.lower);
  EXPECT_DOUBLE_EQ(learned.at(one.upper), far.upper);
  EXPECT_DOUBLE_EQ(learned.at(0.5 * (one.lower + one.upper)), 0.5 * (far.lower + far.upper));
  EXPECT_DOUBLE_EQ(learned.at(-50.0), far.lower);
  EXPECT_DOUBLE_EQ(learned.at(50.0), far.upper);
  const LearnedLogVariance range(Variance::kLearnedRange, schedule, 50, 100);
  EXPECT_DOUBLE_EQ(range.at(0.0), 0.5 * (far.lower + far.upper));
}

TEST(LearnedLogVariance, OfAStepInWhichNothingHappensIsMinusInfinityAndOfNaNNaN) {
  const Schedule idle({0.0, 0.0, 0.25});
  const double nan = std::nan("");
  for (const Variance variance : {Variance::kLearned, Variance::kLearnedRange}) {
    EXPECT_EQ(LearnedLogVariance(variance, idle, 1, 2).at(0.3), -INFINITY);
    EXPECT_TRUE(std::isnan(LearnedLogVariance(variance, idle, 2, 3).at(nan)));
    EXPECT_TRUE(std::isfinite(LearnedLogVariance(variance, idle, 2, 3).at(0.3)));
  }
  EXPECT_THROW(LearnedLogVariance(Variance::kFixedSmall, idle, 0, 1), InvalidArgument);
}

TEST(FixedLogVariance, IsBetaOrBetaTildeAndAtTheEndBetaTildeTwo) {
  const Schedule schedule = linear_schedule(1000);
  EXPECT_KNOWN(fixed_log_variance(Variance::kFixedLarge, schedule, 1), -9.816725135, 1e-9);
  EXPECT_KNOWN(fixed_log_variance(Variance::kFixedSmall, schedule, 1), -9.816725135, 1e-9);
  for (const int64_t t : {2, 3, 500, 1000}) {
    EXPECT_DOUBLE_EQ(fixed_log_variance(Variance::kFixedLarge, schedule, t),
                     std::log(schedule.beta(t)));
    EXPECT_DOUBLE_EQ(fixed_log_variance(Variance::kFixedSmall, schedule, t),
                     std::log(schedule.posterior(t).variance));
  }
  EXPECT_EQ(fixed_log_variance(Variance::kFixedLarge, Schedule({0.25}), 1), std::log(0.25));
  // beta_tilde_2 is 0 where the first step does nothing: the next one then
  const Schedule idle({0.0, 0.25, 0.5});
  EXPECT_EQ(fixed_log_variance(Variance::kFixedSmall, idle, 1),
            std::log(idle.posterior(3).variance));
  EXPECT_THROW(fixed_log_variance(Variance::kLearned, schedule, 5), InvalidArgument);
}

// What x_{t-1} varies by when x_t is known and x_0 ~ N(m, s^2): beta_tilde and the spread of x_0.
double best_variance(const Schedule& schedule, int64_t t, double s) {
  const double kept = schedule.alpha_bar(t);
  const double spread = s * s * (1.0 - kept) / (kept * s * s + 1.0 - kept);
  const Posterior q = schedule.posterior(t);
  return q.variance + q.x0_weight * q.x0_weight * spread;
}

// beta_tilde for a single point, beta for s = 1 and between them for every s in between. With s
// beyond 1, which no image in [-1, 1] has, it would go on up to beta / (1 - beta).
TEST(Variance, TheBestForGaussianDataGoesFromBetaTildeToBeta) {
  for (const Schedule& schedule : {linear_schedule(1000), cosine_schedule(50)}) {
    for (const int64_t t : {2, 3, 25, 50}) {
      const LogVarianceRange range = log_variance_range(schedule, t - 1, t);
      const double beta = schedule.beta(t);
      EXPECT_NEAR(std::log(best_variance(schedule, t, 0.0)), range.lower, 1e-10);
      EXPECT_NEAR(std::log(best_variance(schedule, t, 1.0)), range.upper, 1e-10);
      double before = 0.0;
      for (double s = 0.0; s < 1.0; s += 0.05) {
        const double best = best_variance(schedule, t, s);
        EXPECT_GT(best, before);
        before = best;
      }
      EXPECT_NEAR(best_variance(schedule, t, 1e9), beta / (1.0 - beta), 1e-9 * beta / (1.0 - beta));
    }
  }
}

TEST(Variance, NamesGoThereAndBack) {
  for (const Variance variance : all_variances()) {
    EXPECT_EQ(variance_from(to_string(variance)), variance);
  }
  EXPECT_THROW(variance_from("learnt"), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
