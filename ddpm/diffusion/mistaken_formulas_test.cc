// Formulas that circulate with a slip in them, and the number that tells right from wrong.
//
// docs/mistakes.md lists them. Each test holds our function to the right value, which is known in
// closed form, and shows that the slip would be seen.

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/diffusion/decoder.h"
#include "ddpm/diffusion/gaussian.h"
#include "ddpm/diffusion/loss_weight.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/testing/known_number.h"
#include "ddpm/testing/schedule_numbers.h"

namespace ddpm {
namespace {

const Schedule& paper() {
  static const Schedule schedule = linear_schedule(1000);
  return schedule;
}

constexpr float kX0 = 0.25F;

// L_{t-1} of one value whose x_0 is predicted with this error, in nats.
double kl_of(Variance variance, int64_t t, double error = 0.0) {
  const std::vector<float> x0 = {kX0};
  const std::vector<double> predicted = {kX0 + error};
  const std::vector<double> log_variance = {fixed_log_variance(variance, paper(), t)};
  return kl_term(paper(), t, x0, {predicted, log_variance});
}

// KL(P || Q) = sum P ln(P / Q): P above Q, and the logarithm inside of the mean.
TEST(MistakenFormulas, DivergenceWithTheQuotientUpsideDownOrTheLogarithmOutside) {
  const std::array<double, 3> p = {0.7, 0.2, 0.1};
  const std::array<double, 3> q = {0.3, 0.3, 0.4};
  double right = 0.0;
  double upside_down = 0.0;
  double outside = 0.0;
  for (size_t i = 0; i < 3; ++i) {
    right += p[i] * std::log(p[i] / q[i]);
    upside_down += p[i] * std::log(q[i] / p[i]);
    outside += p[i] * (p[i] / q[i]);
  }
  EXPECT_KNOWN(right, 0.3733860445, 1e-10);
  EXPECT_KNOWN(upside_down, -0.3733860445, 1e-10);  // below 0, which no divergence is
  EXPECT_KNOWN(std::log(outside), 0.5831462853, 1e-10);

  // The same of two normal distributions. The integral of a^2 / b is that of a normal density, of
  // precision c = 2 / 0.5 - 1 / 0.8, up to a factor.
  const Gaussian a{0.3, 0.5};
  const Gaussian b{-0.1, 0.8};
  const double c = 2.0 / a.variance - 1.0 / b.variance;
  const double log_outside = 0.5 * std::log(b.variance / c) - std::log(a.variance) +
                             0.4 * 0.4 / (a.variance * b.variance * c);
  EXPECT_KNOWN(kl_of_q_from_p(a, b), 0.1475018146, 1e-10);
  EXPECT_NEAR(log_outside, 0.2212294945, 1e-10);
  EXPECT_GT(kl_of_q_from_p(a, b), 0.0);
}

// L_0 is the mean of -ln p(x_0 | x_1): a cost.
TEST(MistakenFormulas, LastTermWithoutItsMinusSign) {
  const std::vector<float> black = {-1.0F};
  const std::vector<double> predicted = {-1.0};
  const std::vector<double> log_variance = {fixed_log_variance(Variance::kFixedLarge, paper(), 1)};
  EXPECT_KNOWN(decoder_term(black, {predicted, log_variance}, Cdf::kTanh), 0.3534412, 1e-7);
  EXPECT_KNOWN(log_decoder(0, -1.0, log_variance[0], Cdf::kTanh), -0.3534412, 1e-7);
}

// alpha_bar_t is the product up to t, not up to T.
TEST(MistakenFormulas, ProductOfAllStepsInsteadOfThoseUpToT) {
  double all = 1.0;
  for (int64_t t = 1; t <= 1000; ++t) all *= 1.0 - paper().beta(t);
  expect_close(all, 4.035829765e-5, "product of all");
  expect_close(paper().alpha_bar(1), 0.9999, "alpha_bar_1");
  expect_close(paper().alpha_bar(501), 0.07779665837, "alpha_bar_501");
  expect_close(paper().alpha_bar(1000), all, "alpha_bar_T");
}

// L_{t-1} is one term, for one t from 2 on; the bound has the sum of T - 1 of them.
TEST(MistakenFormulas, OneTermInsteadOfTheSum) {
  double sum = 0.0;
  int64_t terms = 0;
  for (int64_t t = 2; t <= 1000; ++t, ++terms) sum += kl_of(Variance::kFixedLarge, t);
  EXPECT_EQ(terms, 999);
  EXPECT_KNOWN(sum / kNatsPerBit, 0.4864192300, 1e-10);
  EXPECT_KNOWN(kl_of(Variance::kFixedLarge, 2) / kNatsPerBit, 0.1751248046, 1e-10);
  EXPECT_THROW(kl_of(Variance::kFixedLarge, 1), InvalidArgument);  // t = 1 is L_0
}

// The weight of an error of eps is beta^2 / (2 varsigma^2 alpha (1 - alpha_bar)), beta squared.
TEST(MistakenFormulas, WeightOfEpsWithoutTheSquareOfBeta) {
  for (const int64_t t : {2, 500, 1000}) {
    const OutputWeights output = output_weights(Prediction::kEps, paper(), t);
    const double error = 0.01;  // of eps
    const double growth =
        kl_of(Variance::kFixedLarge, t, output.x0_output * error) - kl_of(Variance::kFixedLarge, t);
    const LossWeightOptions options{.kind = LossWeight::kVariational};
    const double right = loss_weight(options, Prediction::kEps, Variance::kFixedLarge, paper(), t);
    EXPECT_NEAR(right * error * error, growth, 1e-9 * growth + 1e-15);
    const double beta = paper().beta(t);
    const double without = beta / (2.0 * beta * (1.0 - beta) * (1.0 - paper().alpha_bar(t)));
    expect_close(without / right, 1.0 / beta, std::to_string(t));
  }
  expect_close(1.0 / paper().beta(2), 8338.898, "how much too large", 1e-7);
  expect_close(1.0 / paper().beta(1000), 50.0, "at T");
}

// beta_tilde is beta (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t): never above beta.
TEST(MistakenFormulas, PosteriorVarianceWithTheFractionUpsideDown) {
  for (int64_t t = 2; t <= 1000; ++t) {
    const double beta = paper().beta(t);
    const double before = 1.0 - paper().alpha_bar(t - 1);
    const double upside_down = beta * (1.0 - paper().alpha_bar(t)) / before;
    // as a harmonic sum, which has no such fraction: precisions of two normal distributions add up
    const double right = 1.0 / (1.0 / before + (1.0 - beta) / beta);
    expect_close(paper().posterior(t).variance, right, std::to_string(t), 1e-8);
    ASSERT_LT(paper().posterior(t).variance, beta);
    ASSERT_GT(upside_down, beta);
  }
  EXPECT_KNOWN(paper().posterior(2).variance, 5.453187661e-5, 1e-14);
  const double wrong = paper().beta(2) * (1.0 - paper().alpha_bar(2)) / paper().beta(1);
  EXPECT_NEAR(wrong, 2.637134e-4, 1e-10);
}

// The standard deviation is e^(half the log variance); that is no variance to take a root of, and
// the root of a logarithm below 0 is not a number.
TEST(MistakenFormulas, RootOfALogVarianceOrOfAStandardDeviation) {
  const double log_variance = fixed_log_variance(Variance::kFixedLarge, paper(), 500);
  const double sigma = std::exp(0.5 * log_variance);
  expect_close(sigma * sigma, paper().beta(500), "variance");
  EXPECT_TRUE(std::isnan(std::sqrt(log_variance)));
  EXPECT_NEAR(sigma, 0.1002, 1e-4);
  EXPECT_NEAR(std::sqrt(sigma), 0.3165, 1e-4);  // three times too much noise
  // the decoder's sigma: the bin of byte 128 reaches 1/255 to both sides
  const double wanted = std::log(std::erf(1.0 / 255.0 / (sigma * std::sqrt(2.0))));
  EXPECT_NEAR(log_decoder(128, x0_of_byte(128), log_variance, Cdf::kExact), wanted, 1e-12);
}

// Two normal distributions of one mean differ if their variances do.
TEST(MistakenFormulas, DivergenceWithoutItsVariancePart) {
  EXPECT_NEAR(kl_of_q_from_p({0.0, 1.0}, {0.0, 4.0}), std::log(2.0) - 0.375, 1e-15);
  const double ratio = paper().posterior(2).variance / paper().beta(2);
  expect_close(kl_of(Variance::kFixedLarge, 2), 0.5 * (ratio - 1.0 - std::log(ratio)), "t = 2");
  EXPECT_NEAR(kl_of(Variance::kFixedLarge, 2), 0.1213872645, 1e-10);  // without the part: 0
  EXPECT_EQ(kl_of(Variance::kFixedSmall, 2), 0.0);                    // where the two are one
}

// x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps: roots of both, so that the power stays 1.
TEST(MistakenFormulas, NoiseWeighedByItsVariance) {
  const Schedule schedule({0.36});
  const std::vector<float> x0 = {0.0F};
  const std::vector<float> eps = {1.0F};
  std::vector<float> x_t(1);
  mix(schedule.level(1), x0, eps, x_t);
  EXPECT_FLOAT_EQ(x_t[0], 0.6F);  // not 0.36
}

}  // namespace
}  // namespace ddpm
