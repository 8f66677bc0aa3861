#include "ddpm/diffusion/gaussian.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "ddpm/testing/known_number.h"

namespace ddpm {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double density(Gaussian g, double x) {
  const double u = (x - g.mean) / std::sqrt(g.variance);
  return std::exp(-0.5 * u * u) / std::sqrt(2.0 * std::numbers::pi * g.variance);
}

// The mean of ln(q / p) under q, by the midpoint rule over twenty standard deviations.
double integrated_kl(Gaussian q, Gaussian p) {
  const double sigma = std::sqrt(q.variance);
  const int n = 200000;
  const double width = 40.0 * sigma / n;
  double sum = 0.0;
  for (int i = 0; i < n; ++i) {
    const double x = q.mean - 20.0 * sigma + (i + 0.5) * width;
    const double at_q = density(q, x);
    if (at_q > 0.0) sum += at_q * std::log(at_q / density(p, x)) * width;
  }
  return sum;
}

TEST(KlOfQFromP, IsTheMeanLogRatioUnderTheFirst) {
  const Gaussian a{0.3, 0.5};
  const Gaussian b{-0.1, 0.8};
  EXPECT_NEAR(kl_of_q_from_p(a, b), integrated_kl(a, b), 1e-9);
  EXPECT_NEAR(kl_of_q_from_p(b, a), integrated_kl(b, a), 1e-9);
  EXPECT_KNOWN(kl_of_q_from_p(a, b), 0.1475018146, 1e-10);
  EXPECT_KNOWN(kl_of_q_from_p(b, a), 0.2249981854, 1e-10);
}

TEST(KlOfQFromP, IsZeroForEqualsAndPositiveForOthers) {
  EXPECT_EQ(kl_of_q_from_p({0.7, 1e-7}, {0.7, 1e-7}), 0.0);
  EXPECT_EQ(kl_of_q_from_p({0.7, 0.0}, {0.7, 0.0}), 0.0);
  for (const double shift : {-2.0, 0.0, 1e-3}) {
    for (const double scale : {1e-6, 0.5, 2.0, 1e6}) {
      EXPECT_GT(kl_of_q_from_p({shift, scale}, {0.0, 1.0}), 0.0);
    }
  }
  EXPECT_EQ(kl_of_q_from_p({0.7, 0.0}, {0.8, 0.0}), kInfinity);
  EXPECT_EQ(kl_of_q_from_p({0.7, 0.0}, {0.7, 1.0}), kInfinity);
  EXPECT_EQ(kl_of_q_from_p({0.7, 1.0}, {0.7, 0.0}), kInfinity);
}

TEST(LogNormalCdf, HasKnownValuesAndIsContinuous) {
  EXPECT_DOUBLE_EQ(log_normal_cdf(0.0), std::log(0.5));
  // Phi(-1.959963984540054) = 0.025 and Phi(1) = 0.8413447460685429
  EXPECT_KNOWN(log_normal_cdf(-1.959963984540054), std::log(0.025), 1e-13);
  EXPECT_KNOWN(log_normal_cdf(1.0), std::log(0.8413447460685429), 1e-14);
  // ln Phi(-10) and ln Phi(-40), from 40 digits of arithmetic
  EXPECT_KNOWN(log_normal_cdf(-10.0), -53.23128515051247, 1e-11);
  EXPECT_KNOWN(log_normal_cdf(-40.0), -804.6084420137538, 1e-9);
  EXPECT_NEAR(log_normal_cdf(std::nextafter(-30.0, 0.0)), log_normal_cdf(-30.0), 1e-9 * 454);
  EXPECT_EQ(log_normal_cdf(-kInfinity), -kInfinity);
  EXPECT_EQ(log_normal_cdf(kInfinity), 0.0);
}

// d/du ln Phi = density / Phi, the same everywhere.
TEST(LogNormalCdf, HasItsDerivative) {
  for (double u = -60.0; u < 6.0; u += 0.37) {
    const double h = 1e-4;
    const double slope = (log_normal_cdf(u + h) - log_normal_cdf(u - h)) / (2.0 * h);
    const double wanted = std::exp(-0.5 * u * u - 0.9189385332046727 - log_normal_cdf(u));
    EXPECT_NEAR(slope, wanted, 2e-7 * (1.0 + std::abs(u))) << u;
  }
}

// The mass of a union is the sum of the masses.
TEST(LogNormalMass, IsAdditive) {
  for (const double start : {-50.0, -12.0, -3.0, -0.02, 0.0, 1.0, 6.0, 31.0}) {
    for (const double width : {1e-9, 1e-6, 1e-4, 0.01, 1.0, 9.0}) {
      const double whole = log_normal_mass(start, start + width);
      const double parts =
          std::log(std::exp(log_normal_mass(start, start + 0.4 * width) - whole) +
                   std::exp(log_normal_mass(start + 0.4 * width, start + width) - whole));
      EXPECT_NEAR(parts, 0.0, 3e-8) << start << " " << width;
      EXPECT_TRUE(std::isfinite(whole)) << start << " " << width;
    }
  }
}

TEST(LogNormalMass, IsSymmetricAndKnowsItsTails) {
  for (const double u : {0.1, 2.0, 9.0, 35.0}) {
    EXPECT_DOUBLE_EQ(log_normal_mass(-u - 0.5, -u), log_normal_mass(u, u + 0.5));
    EXPECT_NEAR(log_normal_mass(-kInfinity, -u), log_normal_cdf(-u), 1e-12);
    EXPECT_NEAR(log_normal_mass(u, kInfinity), log_normal_cdf(-u), 1e-12);
    EXPECT_NEAR(log_normal_mass(-u, u), std::log(std::erf(u / std::numbers::sqrt2)), 1e-12);
  }
  EXPECT_EQ(log_normal_mass(-kInfinity, kInfinity), 0.0);
}

}  // namespace
}  // namespace ddpm
