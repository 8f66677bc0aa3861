#include "ddpm/evaluation/progressive_coding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/testing/gaussian_network.h"

namespace ddpm {
namespace {

constexpr BatchShape kOne{1, 1, 1, 1};

// Sums over images of one value: of x_t at two times.
struct Moments {
  double a = 0, b = 0, aa = 0, bb = 0, ab = 0;

  void add(double x, double y) { a += x, b += y, aa += x * x, bb += y * y, ab += x * y; }
};

// What is sent is the forward process of the image: at each time its closed form, and between two
// times as dependent as q(x_t | x_s) says, however many times lie between them.
TEST(SendProgressively, WalksTheForwardProcessBackwards) {
  const Schedule schedule = linear_schedule(20);
  const GaussianImages images{.m = 0.0, .s = 0.5};
  const std::vector<int64_t> times = {20, 13, 12, 4, 0};
  constexpr int64_t kImages = 40000;
  Batch x0({kImages, 1, 1, 1});
  std::ranges::fill(x0.values(), 0.75F);
  std::vector<int64_t> indices(kImages);
  std::iota(indices.begin(), indices.end(), 0);
  const auto sent = send_progressively(images.predictor(schedule), times, false, 1, x0, indices);
  ASSERT_EQ(sent.size(), 4U);
  Moments moments;
  for (int64_t i = 0; i < kImages; ++i) moments.add(sent[3].x.image(i)[0], sent[0].x.image(i)[0]);
  const NoiseLevel late = schedule.level(20);
  const NoiseLevel early = schedule.level(4);
  const double n = kImages;
  // standard errors of 40,000: 0.005 sigma of a mean, 0.007 sigma^2 of a variance; four of them
  EXPECT_NEAR(moments.a / n, 0.75 * early.signal, 0.02 * early.sigma);
  EXPECT_NEAR(moments.b / n, 0.75 * late.signal, 0.02 * late.sigma);
  const double variance = moments.aa / n - moments.a / n * moments.a / n;
  EXPECT_NEAR(variance, early.sigma * early.sigma, 0.028 * early.sigma * early.sigma);
  const double late_variance = moments.bb / n - moments.b / n * moments.b / n;
  EXPECT_NEAR(late_variance, late.sigma * late.sigma, 0.028 * late.sigma * late.sigma);
  const double together = moments.ab / n - moments.a / n * moments.b / n;
  EXPECT_NEAR(together, schedule.transition(4, 20).signal * early.sigma * early.sigma,
              0.02 * early.sigma * late.sigma);
}

TEST(SendProgressively, ShowsThePredictionFromWhatHasArrived) {
  const Schedule schedule = linear_schedule(20);
  const GaussianImages images{.m = 0.1, .s = 0.5};
  Batch x0({2, 1, 3, 3});
  images.reader()(0, x0.values());
  const std::vector<int64_t> times = {20, 7, 0};
  const std::vector<int64_t> indices = {4, 9};
  const auto sent = send_progressively(images.predictor(schedule), times, false, 1, x0, indices);
  for (const Received& now : sent) {
    for (size_t i = 0; i < x0.values().size(); ++i) {
      EXPECT_NEAR(now.x0.values()[i], images.x0(schedule.level(now.t), now.x.values()[i]), 1e-5);
    }
  }
  // image 9 alone is image 9
  Batch alone({1, 1, 3, 3});
  std::ranges::copy(x0.image(1), alone.values().begin());
  const auto again = send_progressively(images.predictor(schedule), times, false, 1, alone,
                                        std::span(indices).last(1));
  for (size_t k = 0; k < 2; ++k) {
    for (size_t i = 0; i < 9; ++i) EXPECT_EQ(again[k].x.values()[i], sent[k].x.image(1)[i]);
  }
}

TEST(SendProgressively, ClipsAndRefuses) {
  const Schedule schedule = linear_schedule(20);
  const auto answers = [&schedule](float value) {
    return NoisePredictor(
        network_of([value](ConstBatchView, std::span<const Timestep>, BatchView out) {
          std::ranges::fill(out.values(), value);
        }),
        schedule, Prediction::kX0);
  };
  const Batch x0(kOne);
  const std::vector<int64_t> times = {20, 0};
  const std::vector<int64_t> indices = {0};
  EXPECT_EQ(send_progressively(answers(3.0F), times, true, 1, x0, indices)[0].x0.values()[0], 1.0F);
  EXPECT_EQ(send_progressively(answers(3.0F), times, false, 1, x0, indices)[0].x0.values()[0],
            3.0F);
  EXPECT_THROW(send_progressively(answers(std::numeric_limits<float>::infinity()), times, true, 1,
                                  x0, indices),
               NotFinite);
  EXPECT_THROW(send_progressively(answers(0.0F), times, true, 1, x0, {}), InvalidArgument);
  const std::vector<int64_t> rising = {3, 5, 0};
  EXPECT_THROW(send_progressively(answers(0.0F), rising, true, 1, x0, indices), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
