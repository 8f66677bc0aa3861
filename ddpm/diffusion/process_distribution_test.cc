// The forward process in distribution: step by step, by strides and at once.
//
// All numbers are drawn at fixed seeds, so a test passes or fails for ever. The rate beside a bound
// is how often right code would fail if the seed were drawn anew; with all bounds of this file,
// some 500, it is below 5e-4.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

constexpr int64_t kValues = 40000;
constexpr int64_t kT = 20;
constexpr float kX0 = 0.8F;

struct NamedSchedule {
  std::string name;
  Schedule schedule;
};

// With steps in which nothing happens, at the start too, and with steps that leave nothing.
const std::vector<NamedSchedule>& schedules() {
  static const std::vector<NamedSchedule> all = {
      {"linear", linear_schedule(kT, 0.01, 0.4)},
      {"cosine", cosine_schedule(kT)},
      {"jsd", make_schedule({.kind = ScheduleKind::kJsd, .T = kT})},
      {"zero terminal SNR",
       make_schedule({.T = kT, .beta_1 = 0.01, .beta_T = 0.3, .zero_terminal_snr = true})},
      {"idle and erasing steps", Schedule({0.0, 0.0, 0.3, 0.0, 0.1, 0.0, 0.2, 0.4, 0.0, 0.1,
                                           1.0, 0.0, 0.3, 0.0, 0.2, 1.0, 1.0, 0.0, 0.5, 0.0})},
  };
  return all;
}

void draw(uint64_t index, int64_t step, Batch& z) {
  fill_normal(
      {.seed = 2, .purpose = Purpose::kTest, .index = index, .step = static_cast<uint64_t>(step)},
      z.values());
}

// x_t along `stops`, times from 0 on, with fresh noise for each step; by q_step where all are
// visited.
Batch walk(const Schedule& schedule, const std::vector<int64_t>& stops, uint64_t index, Batch x) {
  Batch z(x.shape());
  const auto images = static_cast<size_t>(x.shape().images);
  for (size_t i = 1; i < stops.size(); ++i) {
    const std::vector<int64_t> s(images, stops[i - 1]);
    const std::vector<int64_t> t(images, stops[i]);
    draw(index, stops[i], z);
    if (stops[i] == stops[i - 1] + 1) {
      q_step(schedule, x, t, z, x);
    } else {
      q_step_between(schedule, x, s, t, z, x);
    }
  }
  return x;
}

std::vector<int64_t> every_time_to(int64_t t) {
  std::vector<int64_t> stops;
  for (int64_t now = 0; now <= t; ++now) stops.push_back(now);
  return stops;
}

// The largest distance of the values' distribution function from the normal one, times sqrt(n).
double kolmogorov_smirnov(std::vector<double> scores) {
  std::sort(scores.begin(), scores.end());
  const auto n = static_cast<double>(scores.size());
  double distance = 0.0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const double wanted = 0.5 * std::erfc(-scores[i] / std::numbers::sqrt2);
    distance = std::max({distance, std::abs(wanted - static_cast<double>(i) / n),
                         std::abs(wanted - static_cast<double>(i + 1) / n)});
  }
  return std::sqrt(n) * distance;
}

// Whether the values are a sample of N(signal x_0, sigma^2).
void expect_closed_form(const Batch& x, NoiseLevel level) {
  if (level.sigma == 0.0) {  // nothing happened yet
    for (const float value : x.values()) ASSERT_EQ(value, kX0);
    return;
  }
  std::vector<double> scores;
  double sum = 0.0;
  double squares = 0.0;
  for (const float value : x.values()) {
    scores.push_back((value - level.signal * kX0) / level.sigma);
    sum += scores.back();
    squares += scores.back() * scores.back();
  }
  const auto n = static_cast<double>(scores.size());
  EXPECT_LT(std::abs(sum / n), 5.0 * std::sqrt(1.0 / n));            // 6e-7, two tails at 5 sigma
  EXPECT_LT(std::abs(squares / n - 1.0), 5.0 * std::sqrt(2.0 / n));  // 1e-6, chi^2 of 40,000
  EXPECT_LT(kolmogorov_smirnov(scores), 2.7);                        // 2 exp(-2 * 2.7^2) = 1e-6
}

Batch image_of_x0() {
  Batch x(BatchShape{.images = 1, .channels = 1, .height = 200, .width = kValues / 200});
  std::fill(x.values().begin(), x.values().end(), kX0);
  return x;
}

constexpr double kCorrelation = 0.6;

// Of two pixels of one image, or of one with itself, at times s <= t: within a time it is alpha_bar
// times that of x_0, and the noise's 1 - alpha_bar for a pixel with itself; on the way to t it is
// multiplied by the step's signal.
double covariance(const Schedule& schedule, bool same_pixel, int64_t s, int64_t t) {
  const double kept = schedule.alpha_bar(s);
  const double at_s = same_pixel ? 1.0 : kept * kCorrelation;
  return s == t ? at_s : schedule.transition(s, t).signal * at_s;
}

// Whether the mean of a[k] b[k] over the images is c, for numbers of mean 0.
void expect_mean_product(const Batch& a, size_t i, const Batch& b, size_t j, double c) {
  double sum = 0.0;
  for (int64_t k = 0; k < kValues; ++k) {
    sum += static_cast<double>(a.image(k)[i]) * static_cast<double>(b.image(k)[j]);
  }
  // every variance is 1, so that of a product of two normal numbers is 1 + c^2; 1e-6, two tails
  const double spread = std::sqrt((1.0 + c * c) / static_cast<double>(kValues));
  EXPECT_LT(std::abs(sum / static_cast<double>(kValues) - c), 5.0 * spread) << i << " " << j;
}

}  // namespace

TEST(QStep, WalksToTheDistributionOfTheClosedForm) {
  for (const auto& [name, schedule] : schedules()) {
    for (const int64_t t : {1, 3, 7, 20}) {
      SCOPED_TRACE(name + ", t = " + std::to_string(t));
      expect_closed_form(walk(schedule, every_time_to(t), 0, image_of_x0()), schedule.level(t));
    }
  }
}

TEST(QStepBetween, StridesToTheDistributionOfTheClosedForm) {
  const std::vector<std::vector<int64_t>> lists = {
      {0, 2}, {0, 5, 9}, {0, 1, 4, 5, 12, 20}, {0, 10, 20}};
  for (const auto& [name, schedule] : schedules()) {
    for (const std::vector<int64_t>& stops : lists) {
      SCOPED_TRACE(name + ", t = " + std::to_string(stops.back()));
      expect_closed_form(walk(schedule, stops, 1, image_of_x0()), schedule.level(stops.back()));
    }
  }
}

TEST(QSample, DrawsFromTheClosedForm) {
  for (const auto& [name, schedule] : schedules()) {
    for (const int64_t t : {1, 3, 7, 20}) {
      SCOPED_TRACE(name + ", t = " + std::to_string(t));
      Batch eps = image_of_x0();
      draw(2, t, eps);
      Batch x_t = image_of_x0();
      q_sample(schedule, x_t, std::vector<int64_t>{t}, eps, x_t);
      expect_closed_form(x_t, schedule.level(t));
    }
  }
}

// Two pixels whose correlation is 0.6, at two times: the noise is a new one for each pixel and each
// step, and x_t goes on from x_s.
TEST(QStepBetween, PixelsAndTimesHaveTheCovarianceOfTheChain) {
  Batch x0(BatchShape{.images = kValues, .channels = 1, .height = 1, .width = 2});
  draw(3, 0, x0);
  for (int64_t i = 0; i < kValues; ++i) {
    x0.image(i)[1] = 0.6F * x0.image(i)[0] + 0.8F * x0.image(i)[1];
  }
  const std::array<std::pair<int64_t, int64_t>, 3> times = {{{2, 6}, {5, 20}, {12, 14}}};
  for (const auto& [name, schedule] : schedules()) {
    for (const auto& [s, t] : times) {
      SCOPED_TRACE(name + ", s = " + std::to_string(s) + ", t = " + std::to_string(t));
      const Batch x_s = walk(schedule, every_time_to(s), 4, x0);
      const Batch x_t = walk(schedule, {s, t}, 5, x_s);
      for (const size_t i : {0U, 1U}) {
        for (const size_t j : {0U, 1U}) {
          expect_mean_product(x_s, i, x_t, j, covariance(schedule, i == j, s, t));
          if (j < i) continue;
          expect_mean_product(x_s, i, x_s, j, covariance(schedule, i == j, s, s));
          expect_mean_product(x_t, i, x_t, j, covariance(schedule, i == j, t, t));
        }
      }
    }
  }
}

}  // namespace ddpm
