#include "ddpm/diffusion/process.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

constexpr BatchShape kShape{.images = 3, .channels = 2, .height = 4, .width = 5};

Batch normal_batch(uint64_t index, BatchShape shape = kShape) {
  Batch batch(shape);
  fill_normal({.seed = 31, .purpose = Purpose::kTest, .index = index}, batch.values());
  return batch;
}

std::vector<float> copy_of(const Batch& batch) {
  return {batch.values().begin(), batch.values().end()};
}

// One rounding to float32 of numbers below 8.
constexpr double kRounding = 8 * 0x1p-24;

// A chain is linear in x_0 and in the noise of each step. Its weight of x_0 is a product, and the
// squared weights of its noises add up to its variance: both must be the closed form's. `stops` are
// the times that are visited, from 0 on.
void expect_composes(const Schedule& schedule, const std::vector<int64_t>& stops) {
  // weight in x_t of the noise that was added on the way to stops[i], or of x_0 for i = 0
  const auto response = [&](size_t i) {
    Batch x(BatchShape{1, 1, 1, 1});
    x.values()[0] = i == 0 ? 1.0F : 0.0F;
    for (size_t now = 1; now < stops.size(); ++now) {
      Batch z(x.shape());
      z.values()[0] = now == i ? 1.0F : 0.0F;
      const std::span<const int64_t> s(&stops[now - 1], 1);
      const std::span<const int64_t> t(&stops[now], 1);
      if (s[0] + 1 == t[0]) {
        q_step(schedule, x, t, z, x);
      } else {
        q_step_between(schedule, x, s, t, z, x);
      }
    }
    return static_cast<double>(x.values()[0]);
  };
  const NoiseLevel level = schedule.level(stops.back());
  const auto steps = static_cast<double>(stops.size());
  EXPECT_NEAR(response(0), level.signal, 1e-7 * steps);  // roundings to float32, each 6e-8
  double variance = 0.0;
  for (size_t i = 1; i < stops.size(); ++i) variance += response(i) * response(i);
  EXPECT_NEAR(variance, level.sigma * level.sigma, 2e-7 * steps);
}

}  // namespace

TEST(QSample, MixesEachImageByItsOwnTime) {
  const Schedule schedule = linear_schedule(1000);
  const Batch x0 = normal_batch(0);
  const Batch eps = normal_batch(1);
  const std::vector<int64_t> t = {1, 500, 1000};
  Batch x_t(kShape);
  q_sample(schedule, x0, t, eps, x_t);
  for (int64_t i = 0; i < 3; ++i) {
    const double signal = std::sqrt(schedule.alpha_bar(t[static_cast<size_t>(i)]));
    const double sigma = std::sqrt(1.0 - schedule.alpha_bar(t[static_cast<size_t>(i)]));
    for (size_t j = 0; j < x0.image(i).size(); ++j) {
      EXPECT_NEAR(x_t.image(i)[j], signal * x0.image(i)[j] + sigma * eps.image(i)[j], kRounding);
    }
  }
}

TEST(QSample, AtTimeZeroIsTheImageItself) {
  const Batch x0 = normal_batch(0);
  Batch x_t(kShape);
  q_sample(linear_schedule(10), x0, std::vector<int64_t>(3, 0), normal_batch(1), x_t);
  EXPECT_EQ(copy_of(x_t), copy_of(x0));
}

TEST(QSample, MayWriteOntoTheImages) {
  const Schedule schedule = cosine_schedule(100);
  const std::vector<int64_t> t = {3, 50, 99};
  const Batch eps = normal_batch(1);
  Batch x = normal_batch(0);
  Batch x_t(kShape);
  q_sample(schedule, x, t, eps, x_t);
  q_sample(schedule, x, t, eps, x);
  EXPECT_EQ(copy_of(x), copy_of(x_t));
}

TEST(Process, ABadArgumentLeavesTheResultUnchanged) {
  const Schedule schedule = linear_schedule(10);
  const Batch a = normal_batch(0);
  const Batch b = normal_batch(1);
  Batch out = normal_batch(2);
  const std::vector<float> before = copy_of(out);
  const std::vector<int64_t> t = {1, 2, 3};
  const std::vector<int64_t> late = {1, 2, 11};
  const std::vector<int64_t> few = {1};
  const Batch other(BatchShape{3, 2, 5, 4});

  EXPECT_THROW(q_sample(schedule, a, late, b, out), InvalidArgument);
  EXPECT_THROW(q_sample(schedule, a, few, b, out), InvalidArgument);
  EXPECT_THROW(q_sample(schedule, a, t, other, out), InvalidArgument);
  EXPECT_THROW(q_step(schedule, a, std::vector<int64_t>{1, 2, 0}, b, out), InvalidArgument);
  EXPECT_THROW(q_step(schedule, other, t, b, out), InvalidArgument);
  EXPECT_THROW(q_step_between(schedule, a, t, t, b, out), InvalidArgument);
  EXPECT_THROW(q_step_between(schedule, a, std::vector<int64_t>{0, 0, -1}, t, b, out),
               InvalidArgument);
  EXPECT_THROW(q_step_between(schedule, a, std::vector<int64_t>{0, 0, 0}, late, b, out),
               InvalidArgument);
  EXPECT_THROW(q_step_between(schedule, a, std::vector<int64_t>{0}, t, b, out), InvalidArgument);
  EXPECT_THROW(q_posterior_mean(schedule, a, b, late, out), InvalidArgument);
  EXPECT_THROW(mix(schedule.level(1), a.values(), b.image(0), out.values()), InvalidArgument);
  EXPECT_EQ(copy_of(out), before);
}

TEST(QStep, StepsComposeToTheClosedForm) {
  const Schedule schedule = linear_schedule(40, 0.01, 0.3);
  for (const int64_t t : {1, 2, 17, 40}) {
    std::vector<int64_t> stops;
    for (int64_t now = 0; now <= t; ++now) stops.push_back(now);
    expect_composes(schedule, stops);
  }
}

TEST(QStepBetween, StridesComposeToTheClosedForm) {
  expect_composes(linear_schedule(40, 0.01, 0.3), {0, 40});
  expect_composes(linear_schedule(40, 0.01, 0.3), {0, 7, 8, 9, 31, 40});
  expect_composes(cosine_schedule(40), {0, 1, 20, 39, 40});
  const Schedule with_ends({0.0, 0.0, 0.3, 0.0, 1.0, 0.2, 0.0});
  expect_composes(with_ends, {0, 2, 4});
  expect_composes(with_ends, {0, 2, 3, 6, 7});
}

// From the image it is the closed form and from the time before it is one step, to the bit, each
// image by its own two times.
TEST(QStepBetween, IsQSampleFromTimeZeroAndQStepFromTheTimeBefore) {
  const Schedule schedule = cosine_schedule(100);
  const Batch x = normal_batch(0);
  const Batch z = normal_batch(1);
  const std::vector<int64_t> t = {1, 50, 100};
  Batch wanted(kShape);
  Batch got(kShape);
  q_sample(schedule, x, t, z, wanted);
  q_step_between(schedule, x, std::vector<int64_t>(3, 0), t, z, got);
  EXPECT_EQ(copy_of(got), copy_of(wanted));
  q_step(schedule, x, t, z, wanted);
  q_step_between(schedule, x, std::vector<int64_t>{0, 49, 99}, t, z, got);
  EXPECT_EQ(copy_of(got), copy_of(wanted));
}

TEST(QPosteriorMean, CombinesByThePosteriorsWeights) {
  const Schedule schedule({0.5, 0.2});
  const BatchShape shape{2, 1, 1, 1};
  Batch x0(shape);
  Batch x_t(shape);
  std::fill(x0.values().begin(), x0.values().end(), 3.0F);
  std::fill(x_t.values().begin(), x_t.values().end(), -2.0F);
  const std::vector<int64_t> t = {1, 2};
  q_posterior_mean(schedule, x0, x_t, t, x_t);
  EXPECT_EQ(x_t.values()[0], 3.0F);  // at t = 1 the image
  // By hand: beta_2 sqrt(alpha_bar_1) / (1 - alpha_bar_2) = 0.2 sqrt(0.5) / 0.6, and
  // (1 - alpha_bar_1) sqrt(alpha_2) / (1 - alpha_bar_2) = 0.5 sqrt(0.8) / 0.6.
  const double wanted = 3.0 * std::sqrt(0.5) / 3.0 - 2.0 * std::sqrt(0.8) / 1.2;
  EXPECT_NEAR(x_t.values()[1], wanted, kRounding);
}

// Bayes: x_{t-1} and x_t given x_0 are jointly Gaussian with covariance sqrt(alpha_t) times the
// variance of x_{t-1}, so the regression of x_{t-1} on x_t has a closed form of its own.
TEST(QPosteriorMean, IsTheRegressionOnTheNoisierImage) {
  const Schedule schedule = linear_schedule(50, 0.01, 0.2);
  const Batch x0 = normal_batch(0);
  const Batch x_t = normal_batch(1);
  const std::vector<int64_t> t = {2, 25, 50};
  Batch mean(kShape);
  q_posterior_mean(schedule, x0, x_t, t, mean);
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t time = t[static_cast<size_t>(i)];
    const NoiseLevel before = schedule.level(time - 1);
    const NoiseLevel level = schedule.level(time);
    const double slope = std::sqrt(1.0 - schedule.beta(time)) * before.sigma * before.sigma /
                         (level.sigma * level.sigma);
    for (size_t j = 0; j < x0.image(i).size(); ++j) {
      const double x = x0.image(i)[j];
      const double wanted = before.signal * x + slope * (x_t.image(i)[j] - level.signal * x);
      EXPECT_NEAR(mean.image(i)[j], wanted, kRounding);
    }
  }
}

}  // namespace ddpm
