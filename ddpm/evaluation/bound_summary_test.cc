#include "ddpm/evaluation/bound_summary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/random/stream.h"

namespace ddpm {
namespace {

TEST(Estimate, TellsTheErrorOfTheImagesFromThatOfTheNoise) {
  // two images of two draws: means 2 and 6, variances over draws 2 and 8
  const std::vector<double> values = {1.0, 3.0, 4.0, 8.0};
  const Estimate estimate = estimate_of(values, 2);
  EXPECT_DOUBLE_EQ(estimate.mean, 4.0);
  EXPECT_DOUBLE_EQ(estimate.images_error.value(), std::sqrt(8.0 / 2.0));
  EXPECT_DOUBLE_EQ(estimate.noise_error.value(), std::sqrt(2.0 / 2.0 + 8.0 / 2.0) / 2.0);
  EXPECT_FALSE(estimate_of(values, 1).noise_error.has_value());
  EXPECT_FALSE(estimate_of(values, 4).images_error.has_value());
  EXPECT_THROW(estimate_of(values, 3), InvalidArgument);
  EXPECT_THROW(estimate_of({}, 1), InvalidArgument);
}

// What the errors promise: of many such means, the spread is the error.
TEST(Estimate, ErrorsAreTheSpreadOfRepeatedMeans) {
  constexpr int64_t kRepeats = 400;
  constexpr int64_t kImages = 10;
  constexpr int64_t kDraws = 3;
  double spread = 0.0;
  double errors = 0.0;
  double noise_errors = 0.0;
  for (int64_t repeat = 0; repeat < kRepeats; ++repeat) {
    std::vector<float> draws(kImages * (kDraws + 1));
    fill_normal({5, Purpose::kTest, static_cast<uint64_t>(repeat)}, draws);
    std::vector<double> values;
    for (size_t i = 0; i < kImages; ++i) {
      for (size_t k = 0; k < kDraws; ++k) {  // an image's own 2 N(0, 1), and noise N(0, 1)
        values.push_back(2.0 * draws[i] + draws[kImages + i * kDraws + k]);
      }
    }
    const Estimate estimate = estimate_of(values, kDraws);
    spread += estimate.mean * estimate.mean / kRepeats;
    errors += *estimate.images_error * *estimate.images_error / kRepeats;
    noise_errors += *estimate.noise_error * *estimate.noise_error / kRepeats;
  }
  const double variance = (4.0 + 1.0 / kDraws) / kImages;
  // 400 squares of normal numbers: 7 % is their standard error, and four of it
  EXPECT_NEAR(spread, variance, 0.28 * variance);
  EXPECT_NEAR(errors, variance, 0.1 * variance);
  EXPECT_NEAR(noise_errors, 1.0 / (kDraws * kImages), 0.1 / (kDraws * kImages));
}

TEST(Summarise, AddsUpByHand) {
  // one image, one draw, three steps of which the first two are a stratum
  const BoundPlan plan{.times = {9, 5, 2, 0}, .strata = {{0, 2}, {2, 1}}};
  const std::vector<BoundTerm> terms = {{.nats = 0.5 * kNatsPerBit, .squared_error = 0.25},
                                        {.nats = 3.0 * kNatsPerBit, .squared_error = 0.01}};
  const std::vector<double> priors = {0.125 * kNatsPerBit};
  const BoundSummary summary = summarise(plan, 1, terms, priors);
  EXPECT_EQ(summary.parts, 4);
  EXPECT_DOUBLE_EQ(summary.prior.mean, 0.125);
  EXPECT_DOUBLE_EQ(summary.steps.mean, 2 * 0.5);
  EXPECT_DOUBLE_EQ(summary.last.mean, 3.0);
  EXPECT_DOUBLE_EQ(summary.total.mean, 4.125);
  ASSERT_EQ(summary.rows.size(), 2U);
  EXPECT_EQ(summary.rows[0].t, 9);
  EXPECT_EQ(summary.rows[0].s, 2);
  EXPECT_DOUBLE_EQ(summary.rows[0].rate.mean, 0.125) << "x_T alone costs L_T";
  EXPECT_DOUBLE_EQ(summary.rows[0].distortion(), 127.5 * 0.5);
  EXPECT_EQ(summary.rows[1].t, 2);
  EXPECT_DOUBLE_EQ(summary.rows[1].rate.mean, 1.125) << "without L_0";
  EXPECT_DOUBLE_EQ(summary.rows[1].distortion(), 12.75);
  EXPECT_THROW(summarise(plan, 1, std::span(terms).first(1), priors), InvalidArgument);
  EXPECT_THROW(summarise(plan, 1, {}, {}), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
