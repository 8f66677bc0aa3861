#include "ddpm/diffusion/bound.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/gaussian.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"
#include "ddpm/testing/known_number.h"

namespace ddpm {
namespace {

// Images whose values are N(m, s^2), independent of each other. The best prediction of x_0 from x_t
// is then off by e_t in the mean of squares.
struct GaussianImages {
  double m;
  double s;

  double squared_error(const Schedule& schedule, int64_t t) const {
    const double signal = schedule.alpha_bar(t);
    return s * s * (1.0 - signal) / (signal * s * s + 1.0 - signal);
  }
  // sigma^2 = beta_tilde_t + x0_weight^2 e_t is what x_{t-1} varies by when x_t is known.
  double best_log_variance(const Schedule& schedule, int64_t t) const {
    const Posterior q = schedule.posterior(t);
    return std::log(q.variance + q.x0_weight * q.x0_weight * squared_error(schedule, t));
  }
};

enum class Choice { kSmall, kLarge, kBest };

// The mean over images and noise of L_{t-1}, in bits: one value that is off by the root of e_t.
double mean_term(const GaussianImages& images, Choice choice, const Schedule& schedule, int64_t t) {
  const std::vector<float> x0 = {0.0F};
  const std::vector<double> predicted = {std::sqrt(images.squared_error(schedule, t))};
  const std::vector<double> log_variance = {
      choice == Choice::kBest    ? images.best_log_variance(schedule, t)
      : choice == Choice::kSmall ? fixed_log_variance(Variance::kFixedSmall, schedule, t)
                                 : fixed_log_variance(Variance::kFixedLarge, schedule, t)};
  return kl_term(schedule, t, x0, {predicted, log_variance}) / kNatsPerBit;
}

double sum_of_terms(const GaussianImages& images, Choice choice, const Schedule& schedule) {
  double sum = 0.0;
  for (int64_t t = 2; t <= schedule.steps(); ++t) {
    sum += mean_term(images, choice, schedule, t);
  }
  return sum;
}

// L_T in the mean over the images, whose values have the mean square m^2 + s^2.
double mean_prior(const GaussianImages& images, const Schedule& schedule) {
  const double kept = schedule.alpha_bar(schedule.steps());
  const double power = images.m * images.m + images.s * images.s;
  const std::vector<float> zero = {0.0F};
  return (prior_term(schedule, zero) + 0.5 * kept * power) / kNatsPerBit;
}

constexpr double kNineDigits = 1e-9;
constexpr double kTwoPiE = 17.079468445347132;

// The numbers are those of an independent program, from the same closed form.
TEST(Bound, OfGaussianImagesHasItsClosedFormToNineDigits) {
  const Schedule schedule = linear_schedule(1000);
  struct {
    GaussianImages images;
    Choice choice;
    double sum, at_2, at_500, at_1000;
  } const rows[] = {
      {{0, .5}, Choice::kSmall, 6.3024368759, 0.8643826112, 1.659047847e-4, 1.485430518e-7},
      {{0, .5}, Choice::kLarge, 5.6456410418, 0.5681904932, 1.660312975e-4, 1.485431741e-7},
      {{0, .5}, Choice::kBest, 5.6440652832, 0.5681904465, 1.658857092e-4, 1.485430366e-7},
      {{.2, .3}, Choice::kSmall, 5.5504042880, 0.8630338974, 6.053455439e-5, 5.347584397e-8},
      {{.2, .3}, Choice::kLarge, 4.9130058617, 0.5675771848, 6.075221233e-5, 5.347604458e-8},
      {{.2, .3}, Choice::kBest, 4.9076169694, 0.5675766566, 6.053201454e-5, 5.3475842e-8},
      {{0, 1}, Choice::kSmall, 7.3145249196, 0.8649528649, 6.2450514e-4, 5.941542223e-7},
      {{0, 1}, Choice::kLarge, 6.6438270768, 0.568449808, 6.242349639e-4, 5.941539776e-7},
      {{0, 1}, Choice::kBest, 6.6438270768, 0.568449808, 6.242349639e-4, 5.941539776e-7},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(std::to_string(row.images.s) + " " + std::to_string(static_cast<int>(row.choice)));
    const auto near = [](double got, double wanted) {
      EXPECT_KNOWN(got, wanted, kNineDigits * wanted);
    };
    near(sum_of_terms(row.images, row.choice, schedule), row.sum);
    near(mean_term(row.images, row.choice, schedule, 2), row.at_2);
    near(mean_term(row.images, row.choice, schedule, 500), row.at_500);
    // e^r - 1 - r loses digits where the variances are nearly equal: 1e-16 of 6e-7
    EXPECT_KNOWN(mean_term(row.images, row.choice, schedule, 1000), row.at_1000, 1e-15);
  }
}

TEST(Bound, PriorTermHasItsClosedForm) {
  const Schedule schedule = linear_schedule(1000);
  EXPECT_KNOWN(mean_prior({0, .5}, schedule), 7.278676964e-6, 1e-15);
  EXPECT_KNOWN(mean_prior({.2, .3}, schedule), 3.785194011e-6, 1e-15);
  EXPECT_KNOWN(mean_prior({0, 1}, schedule), 2.911294542e-5, 1e-14);
  const std::vector<float> black(12, -1.0F);
  const std::vector<float> gray(12, 0.0F);
  EXPECT_KNOWN(prior_term(schedule, black) / kNatsPerBit, 2.911294542e-5, 1e-14);
  EXPECT_KNOWN(prior_term(schedule, gray) / kNatsPerBit, 5.8748e-10, 1e-14);
  // against the definition, where 1 - alpha_bar is no longer close to 1
  const Schedule short_schedule = linear_schedule(20);
  const NoiseLevel end = short_schedule.level(20);
  EXPECT_NEAR(prior_term(short_schedule, black),
              kl_of_q_from_p({-end.signal, end.sigma * end.sigma}, {0.0, 1.0}), 1e-14);
  EXPECT_EQ(prior_term(make_schedule({.kind = ScheduleKind::kJsd}), black), 0.0);
}

// With the best variance and a continuous decoder the bound is the entropy of the images: no bit is
// lost, but for what the reverse steps' being only nearly normal costs, which is nothing here.
TEST(Bound, IsTightForGaussianImages) {
  const Schedule schedule = linear_schedule(1000);
  const GaussianImages images{0.0, 0.5};
  const double e_1 = images.squared_error(schedule, 1);
  const double decoder = 0.5 * std::log2(kTwoPiE * e_1);  // E[-log2 N(x_0; x_0-hat, e_1)]
  const double bound =
      mean_prior(images, schedule) + sum_of_terms(images, Choice::kBest, schedule) + decoder;
  EXPECT_KNOWN(bound, 1.0470955855, 1e-9);
  const double entropy = 0.5 * std::log2(kTwoPiE * 0.25);
  EXPECT_NEAR(bound, entropy, 1e-9);
  EXPECT_GE(bound, entropy);
}

// The same bound with its terms sorted in another way, [DDPM] appendix A:
//   KL(q(x_T) || p(x_T)) + sum over t = 1 .. T of KL(q(x_{t-1} | x_t) || p(x_{t-1} | x_t)) +
//   H(x_0).
// Here q knows no x_0, so a model of the best mean errs in its variance alone. In nats.
double other_form(const GaussianImages& images, double log_scale, const Schedule& schedule) {
  const double kept = schedule.alpha_bar(schedule.steps());
  const double end_variance = kept * images.s * images.s + 1.0 - kept;
  double sum = kl_of_q_from_p({std::sqrt(kept) * images.m, end_variance}, {0.0, 1.0});
  for (int64_t t = 1; t <= schedule.steps(); ++t) {
    const double variance = std::exp(images.best_log_variance(schedule, t));
    sum += kl_of_q_from_p({0.0, variance}, {0.0, variance * std::exp(log_scale)});
  }
  return sum + 0.5 * std::log(kTwoPiE * images.s * images.s);
}

TEST(Bound, HasTheSameValueInItsOtherForm) {
  const Schedule schedule = linear_schedule(100, 1e-3, 0.15);
  for (const GaussianImages images : {GaussianImages{0.0, 0.5}, {0.2, 0.3}, {-0.4, 1.3}}) {
    for (const double log_scale : {-0.3, 0.0, 0.2}) {  // of the model's variance, from the best one
      double sum = mean_prior(images, schedule) * kNatsPerBit;
      for (int64_t t = 2; t <= 100; ++t) {
        const std::vector<float> x0 = {0.0F};
        const std::vector<double> predicted = {std::sqrt(images.squared_error(schedule, t))};
        const std::vector<double> log_variance = {images.best_log_variance(schedule, t) +
                                                  log_scale};
        sum += kl_term(schedule, t, x0, {predicted, log_variance});
      }
      // E[-ln N(x_0; its prediction, the best variance times the scale)]
      sum += 0.5 * (std::log(kTwoPiE / std::numbers::e) + images.best_log_variance(schedule, 1) +
                    log_scale + std::exp(-log_scale));
      EXPECT_NEAR(sum, other_form(images, log_scale, schedule), 1e-10);
    }
  }
}

// The part of the fixed-large bound that no training removes: sigma^2 is not beta_tilde.
TEST(Bound, FixedLargeCostsItsMismatchWhateverIsPredicted) {
  const Schedule schedule = linear_schedule(1000);
  const std::vector<float> x0 = {0.25F};
  const std::vector<double> perfect = {0.25};
  const auto mismatch = [&](int64_t t) {
    const std::vector<double> log_variance = {
        fixed_log_variance(Variance::kFixedLarge, schedule, t)};
    return kl_term(schedule, t, x0, {perfect, log_variance}) / kNatsPerBit;
  };
  double sum = 0.0;
  for (int64_t t = 2; t <= 1000; ++t) sum += mismatch(t);
  EXPECT_KNOWN(sum, 0.4864192300, 1e-10);
  EXPECT_KNOWN(mismatch(2), 0.1751248046, 1e-10);
  EXPECT_KNOWN(mismatch(3), 0.07461951461, 1e-11);
  EXPECT_KNOWN(mismatch(11), 0.007362022137, 1e-12);
  EXPECT_KNOWN(mismatch(101), 1.169098253e-4, 1e-13);
}

// Each value's term is the divergence of the two normal distributions that the definition names.
TEST(Bound, KlTermIsTheDivergenceOfPosteriorAndModel) {
  const Schedule schedule = linear_schedule(1000);
  std::vector<float> x0(50);
  std::vector<float> eps(50);
  fill_normal({.seed = 3, .purpose = Purpose::kTest, .index = 0}, x0);
  fill_normal({.seed = 3, .purpose = Purpose::kTest, .index = 1}, eps);
  for (const int64_t t : {2, 3, 77, 1000}) {
    std::vector<float> x_t(50);
    mix(schedule.level(t), x0, eps, x_t);
    std::vector<double> predicted(50);
    std::vector<double> log_variance(50);
    const Posterior q = schedule.posterior(t);
    double wanted = 0.0;
    for (size_t i = 0; i < 50; ++i) {
      predicted[i] = 0.5 * x0[i] + 0.1;
      log_variance[i] = std::log(q.variance) + 0.01 * static_cast<double>(i);
      const double mean_q = q.x0_weight * x0[i] + q.xt_weight * x_t[i];
      const double mean_p = q.x0_weight * predicted[i] + q.xt_weight * x_t[i];
      wanted += kl_of_q_from_p({mean_q, q.variance}, {mean_p, std::exp(log_variance[i])}) / 50.0;
    }
    EXPECT_NEAR(kl_term(schedule, t, x0, {predicted, log_variance}), wanted, 1e-8 * wanted) << t;
  }
}

// Every t has a term of its own: an evaluator that stays at one t would not see this.
TEST(Bound, TermsOfNeighbouringTimesDiffer) {
  const Schedule schedule = linear_schedule(1000);
  const GaussianImages images{0.0, 0.5};
  for (int64_t t = 3; t <= 1000; ++t) {
    ASSERT_LT(mean_term(images, Choice::kBest, schedule, t),
              mean_term(images, Choice::kBest, schedule, t - 1))
        << t;
  }
}

TEST(Bound, DecoderTermIsTheCostOfTheBytes) {
  const std::vector<float> x0 = {-1.0F, static_cast<float>(x0_of_byte(128)), 1.0F};
  const std::vector<double> exact(x0.begin(), x0.end());
  const std::vector<double> log_variance = {-9.81672513529567};
  EXPECT_NEAR(decoder_term(x0, {exact, log_variance}, Cdf::kTanh),
              (2 * 0.353441209 + 0.905018114) / 3.0, 1e-5);
  EXPECT_GT(decoder_term(x0, {exact, log_variance}, Cdf::kExact), 0.0);
  const Schedule schedule = linear_schedule(1000);
  EXPECT_EQ(bound_term(schedule, 1, x0, {exact, log_variance}, Cdf::kExact),
            decoder_term(x0, {exact, log_variance}, Cdf::kExact));
  EXPECT_EQ(bound_term(schedule, 2, x0, {exact, log_variance}, Cdf::kExact),
            kl_term(schedule, 2, x0, {exact, log_variance}));
}

TEST(Bound, OfAScheduleWithIdleStepsIsThatWithoutThem) {
  const Schedule plain({0.1, 0.2});
  const Schedule idle({0.1, 0.0, 0.2, 0.0});
  const std::vector<float> x0 = {0.5F};
  const std::vector<double> predicted = {0.4};
  const std::vector<double> log_variance = {-2.0};
  const ReverseStep model{predicted, log_variance};
  EXPECT_EQ(kl_term(idle, 2, x0, model), 0.0);
  EXPECT_EQ(kl_term(idle, 4, x0, model), 0.0);
  EXPECT_NEAR(kl_term(idle, 3, x0, model), kl_term(plain, 2, x0, model), 1e-15);
  EXPECT_EQ(prior_term(idle, x0), prior_term(plain, x0));
}

TEST(Bound, RejectsWhatDoesNotFit) {
  const Schedule schedule = linear_schedule(10);
  const std::vector<float> x0 = {0.0F, 1.0F};
  const std::vector<double> one = {0.0};
  const std::vector<double> two = {0.0, 0.0};
  EXPECT_THROW(kl_term(schedule, 2, x0, {one, one}), InvalidArgument);
  EXPECT_THROW(kl_term(schedule, 1, x0, {two, one}), InvalidArgument);
  EXPECT_THROW(kl_term(schedule, 11, x0, {two, one}), InvalidArgument);
  EXPECT_THROW(decoder_term(x0, {two, two}, Cdf::kExact), InvalidArgument);  // 0 is no byte
  EXPECT_THROW(prior_term(schedule, {}), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
