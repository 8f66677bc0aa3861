#include "ddpm/diffusion/loss_weight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/testing/known_number.h"

namespace ddpm {
namespace {

constexpr Variance kLarge = Variance::kFixedLarge;

const Schedule& paper() {
  static const Schedule schedule = linear_schedule(1000);
  return schedule;
}

double weight(LossWeight kind, Prediction prediction, int64_t t, Variance variance = kLarge) {
  return loss_weight({.kind = kind}, prediction, variance, paper(), t);
}

double snr_at(int64_t t) { return paper().alpha_bar(t) / (1.0 - paper().alpha_bar(t)); }

void expect_close(double got, double wanted, double digits = 1e-9) {
  EXPECT_NEAR(got, wanted, digits * std::abs(wanted));
}

// beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t)): beta squared. Without the square it would be
// too large by 1 / beta_t, 8339 at t = 2.
TEST(LossWeight, VariationalOfEpsIsThePapersEquation12) {
  struct {
    int64_t t;
    double large, small;
  } const rows[] = {{2, 0.2726920843, 0.5996715122},
                    {10, 0.0737170159, 0.0864365598},
                    {100, 0.0100812637, 0.0102669534},
                    {500, 0.0055034319, 0.0055081965},
                    {1000, 0.0102044935, 0.0102045019}};
  for (const auto& row : rows) {
    const double beta = paper().beta(row.t);
    const double rest = 1.0 - paper().alpha_bar(row.t);
    const double formula = beta * beta / (2.0 * beta * (1.0 - beta) * rest);
    const double large = weight(LossWeight::kVariational, Prediction::kEps, row.t);
    expect_close(large, formula, 1e-11);
    EXPECT_KNOWN(large, row.large, 5.1e-11);  // given to ten places
    EXPECT_KNOWN(weight(LossWeight::kVariational, Prediction::kEps, row.t, Variance::kFixedSmall),
                 row.small, 5.1e-11);
  }
}

TEST(LossWeight, VariationalOfTheOtherPredictionsHasItsForm) {
  for (const int64_t t : {2, 3, 10, 100, 251, 501, 751, 999, 1000}) {
    const double beta = paper().beta(t);
    const double rest = 1.0 - paper().alpha_bar(t);
    const double tilde = paper().posterior(t).variance;
    const auto small = [t](Prediction prediction) {
      return weight(LossWeight::kVariational, prediction, t, Variance::kFixedSmall);
    };
    const auto large = [t](Prediction prediction) {
      return weight(LossWeight::kVariational, prediction, t);
    };
    expect_close(large(Prediction::kX0), paper().alpha_bar(t - 1) * beta / (2.0 * rest * rest),
                 1e-11);
    // 1/2 (SNR(t - 1) - SNR(t)): a difference that loses digits
    expect_close(small(Prediction::kX0), 0.5 * (snr_at(t - 1) - snr_at(t)), 1e-8);
    expect_close(large(Prediction::kMean), 0.5 / beta, 1e-11);
    expect_close(small(Prediction::kMean), 0.5 / tilde, 1e-11);
    expect_close(large(Prediction::kV), large(Prediction::kX0) * rest, 1e-11);
  }
}

// The weighted error is what the divergence grows by.
TEST(LossWeight, VariationalIsTheSquaredPartOfTheDivergence) {
  for (const Prediction prediction : all_predictions()) {
    for (const int64_t t : {2, 3, 10, 100, 251, 501, 751, 999, 1000}) {
      for (const Variance variance : {Variance::kFixedLarge, Variance::kFixedSmall}) {
        const OutputWeights output = output_weights(prediction, paper(), t);
        const double error = 0.01;  // of the output
        const std::vector<float> x0 = {0.25F};
        const std::vector<double> log_variance = {fixed_log_variance(variance, paper(), t)};
        const std::vector<double> exact = {0.25};
        const std::vector<double> off = {0.25 + output.x0_output * error};
        const double growth = kl_term(paper(), t, x0, {off, log_variance}) -
                              kl_term(paper(), t, x0, {exact, log_variance});
        const double weighted =
            weight(LossWeight::kVariational, prediction, t, variance) * error * error;
        EXPECT_NEAR(growth, weighted, 1e-11 * weighted + 1e-15) << to_string(prediction) << t;
      }
    }
  }
}

TEST(LossWeight, OfTheSignalToNoiseRatioIsTheSameTrainingForEachPrediction) {
  for (const int64_t t : {1, 2, 100, 258, 259, 500, 1000}) {
    const double snr = snr_at(t);
    const NoiseLevel level = paper().level(t);
    const auto of_v = [&](LossWeight kind) {  // from v to x_0: errors times sigma
      return weight(kind, Prediction::kV, t) / (level.sigma * level.sigma);
    };
    const auto of_x0 = [&](LossWeight kind) { return weight(kind, Prediction::kX0, t); };
    const auto of_eps = [&](LossWeight kind) { return weight(kind, Prediction::kEps, t); };
    const std::pair<LossWeight, double> rows[] = {{LossWeight::kSnr, snr},
                                                  {LossWeight::kTruncatedSnr, std::max(snr, 1.0)},
                                                  {LossWeight::kMinSnr, std::min(snr, 5.0)},
                                                  {LossWeight::kP2, snr / (1.0 + snr)}};
    for (const auto& [kind, wanted] : rows) {
      SCOPED_TRACE(to_string(kind) + " " + std::to_string(t));
      expect_close(of_x0(kind), wanted, 1e-10);
      expect_close(of_v(kind), wanted, 1e-10);
      expect_close(of_eps(kind), wanted / snr, 1e-10);
    }
  }
  // by hand, of the table of min-SNR: eps min(SNR, 5) / SNR, v min(SNR, 5) / (SNR + 1)
  expect_close(weight(LossWeight::kMinSnr, Prediction::kV, 2), 5.0 / (snr_at(2) + 1.0), 1e-10);
}

TEST(LossWeight, IsFiniteWhereAllOrNothingIsLeft) {
  const Schedule schedule({0.0, 0.3, 1.0});
  for (const LossWeight kind : all_loss_weights()) {
    for (const Prediction prediction : {Prediction::kX0, Prediction::kV}) {
      for (const int64_t t : {1, 2, 3}) {
        const double value = loss_weight({.kind = kind}, prediction, kLarge, schedule, t);
        EXPECT_TRUE(std::isfinite(value) && value >= 0.0) << to_string(kind) << " " << t;
      }
    }
  }
  EXPECT_EQ(loss_weight({.kind = LossWeight::kTruncatedSnr}, Prediction::kX0, kLarge, schedule, 3),
            1.0);
  // the limits of min(SNR, 5) and SNR / (1 + SNR)
  EXPECT_EQ(loss_weight({.kind = LossWeight::kMinSnr}, Prediction::kX0, kLarge, schedule, 1), 5.0);
  EXPECT_EQ(loss_weight({.kind = LossWeight::kP2}, Prediction::kX0, kLarge, schedule, 1), 1.0);
}

TEST(LossWeight, NamesGoThereAndBackAndBadOptionsAreRefused) {
  for (const LossWeight kind : all_loss_weights()) {
    EXPECT_EQ(loss_weight_from(to_string(kind)), kind);
  }
  EXPECT_THROW(loss_weight_from("minsnr"), InvalidArgument);
  EXPECT_THROW(loss_weight({.min_snr_gamma = 0.0}, Prediction::kEps, kLarge, paper(), 1),
               InvalidArgument);
  EXPECT_THROW(loss_weight({.p2_k = 0.0}, Prediction::kEps, kLarge, paper(), 1), InvalidArgument);
  for (const LossWeight kind : all_loss_weights()) {
    const auto of_learned = [kind] { weight(kind, Prediction::kEps, 7, Variance::kLearned); };
    if (needs_fixed_variance(kind)) {
      EXPECT_THROW(of_learned(), InvalidArgument);
    } else {
      EXPECT_NO_THROW(of_learned());
    }
  }
  EXPECT_THROW(loss_weight({}, Prediction::kEps, kLarge, paper(), 0), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
