// The tests of chance run on fixed seeds, so they pass always or never. Each bound is one that
// right code would break with probability below 1e-6, had the seed been drawn: |z| <= 4.9.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

constexpr double kFalseAlarm = 4.9;  // standard deviations; two-sided probability 9.6e-7
constexpr size_t kMany = 1'000'000;

std::vector<float> normal_numbers(const Stream& stream, size_t n) {
  std::vector<float> numbers(n);
  fill_normal(stream, numbers);
  return numbers;
}

double distribution(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

// sum x_i y_i / sqrt(n), normal with variance 1 if x and y are independent.
double correlation_score(const std::vector<float>& x, const std::vector<float>& y, size_t lag = 0) {
  double sum = 0.0;
  const size_t n = x.size() - lag;
  for (size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * y[i + lag];
  return sum / std::sqrt(static_cast<double>(n));
}

const Stream kStream{.seed = 11, .purpose = Purpose::kTest, .index = 5, .step = 3};

}  // namespace

TEST(FillNormal, FirstNumbersDoNotDependOnHowManyAreAskedFor) {
  const std::vector<float> all = normal_numbers(kStream, 1100);
  for (const size_t n : {0, 1, 2, 3, 4, 5, 255, 256, 257, 511, 512, 513, 1027}) {
    const std::vector<float> some = normal_numbers(kStream, n);
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin())) << n;
  }
}

TEST(FillNormal, WritesNothingAfterTheEnd) {
  constexpr float kSentinel = 777.0F;
  for (size_t n = 0; n < 9; ++n) {
    std::vector<float> numbers(n + 4, kSentinel);
    fill_normal(kStream, std::span(numbers).first(n));
    EXPECT_EQ(std::count(numbers.begin(), numbers.end(), kSentinel), 4) << n;
  }
}

TEST(FillNormal, IsBoxMullerOfTheStreamsWords) {
  std::vector<uint64_t> words(2000);
  fill_words(kStream, words);
  const std::vector<float> numbers = normal_numbers(kStream, words.size());
  for (size_t i = 0; i < words.size(); i += 2) {
    const long double u = (static_cast<long double>(words[i] >> 11) + 1.0L) * 0x1p-53L;
    const long double angle = 2.0L * std::numbers::pi_v<long double> *
                              static_cast<long double>(words[i + 1] >> 11) * 0x1p-53L;
    const long double radius = std::sqrt(-2.0L * std::log(u));
    // Half a unit of float32, and of the float64 before it a part too small to see.
    const auto error = [](float got, long double wanted) {
      return std::abs((got - wanted) / wanted);
    };
    ASSERT_LE(error(numbers[i], radius * std::cos(angle)), 0.50001L * 0x1p-23L) << i;
    ASSERT_LE(error(numbers[i + 1], radius * std::sin(angle)), 0.50001L * 0x1p-23L) << i;
  }
}

TEST(FillNormal, HasTheMomentsOfTheNormalDistribution) {
  // E x^k and the variance of x^k: (2k - 1)!! - (E x^k)^2.
  const std::vector<float> numbers = normal_numbers(kStream, kMany);
  double sums[5] = {};
  for (const float x : numbers) {
    double power = 1.0;
    for (int k = 1; k <= 4; ++k) sums[k] += power *= x;
  }
  const double means[] = {1, 0, 1, 0, 3};
  const double variances[] = {0, 1, 2, 15, 96};
  for (int k = 1; k <= 4; ++k) {
    const double score = (sums[k] / kMany - means[k]) / std::sqrt(variances[k] / kMany);
    EXPECT_LT(std::abs(score), kFalseAlarm) << "moment " << k;
  }
}

TEST(FillNormal, PassesKolmogorovAndSmirnov) {
  std::vector<float> numbers = normal_numbers(kStream, kMany);
  std::sort(numbers.begin(), numbers.end());
  double distance = 0.0;
  for (size_t i = 0; i < kMany; ++i) {
    const double wanted = distribution(numbers[i]);
    distance = std::max({distance, std::abs(wanted - static_cast<double>(i) / kMany),
                         std::abs(wanted - static_cast<double>(i + 1) / kMany)});
  }
  // P(sqrt(n) D > d) < 2 exp(-2 d^2) = 1e-6 at d = 2.7.
  EXPECT_LT(std::sqrt(static_cast<double>(kMany)) * distance, 2.7);
}

TEST(FillNormal, HasTailsOfTheRightWeight) {
  const std::vector<float> numbers = normal_numbers(kStream, kMany);
  for (const double z : {2.0, 3.0, 4.0}) {
    const auto beyond = [z](float x) { return std::abs(x) > z; };
    const auto count = static_cast<double>(std::count_if(numbers.begin(), numbers.end(), beyond));
    const double wanted = 2.0 * distribution(-z) * kMany;
    EXPECT_LT(std::abs(count - wanted), kFalseAlarm * std::sqrt(wanted)) << z;
  }
}

TEST(FillNormal, OtherSeedsPurposesIndicesAndStepsAreIndependent) {
  const std::vector<float> numbers = normal_numbers(kStream, 100'000);
  const Stream others[] = {
      {.seed = 12, .purpose = Purpose::kTest, .index = 5, .step = 3},
      {.seed = 11, .purpose = Purpose::kStepNoise, .index = 5, .step = 3},
      {.seed = 11, .purpose = Purpose::kTest, .index = 6, .step = 3},
      {.seed = 11, .purpose = Purpose::kTest, .index = 5, .step = 4},
      {.seed = 11, .purpose = Purpose::kTest, .index = 3, .step = 5},  // index and step exchanged
      {.seed = 11, .purpose = Purpose::kTest, .index = 5 + (uint64_t{1} << 32), .step = 3},
      {.seed = 11, .purpose = Purpose::kTest, .index = 5, .step = 3 + (uint64_t{1} << 32)},
  };
  for (const Stream& other : others) {
    const std::vector<float> theirs = normal_numbers(other, numbers.size());
    for (const size_t lag : {0, 1, 2, 4}) {  // blocks are of four numbers
      EXPECT_LT(std::abs(correlation_score(numbers, theirs, lag)), kFalseAlarm)
          << other.seed << ' ' << other.index << ' ' << other.step << " lag " << lag;
    }
  }
}

TEST(FillNormal, NumbersOfOneStreamAreIndependent) {
  const std::vector<float> numbers = normal_numbers(kStream, kMany);
  std::vector<float> squares(numbers.size());  // of mean 0 and variance 1, too
  std::transform(numbers.begin(), numbers.end(), squares.begin(), [](float x) {
    return static_cast<float>((static_cast<double>(x) * x - 1.0) / std::numbers::sqrt2);
  });
  for (const size_t lag : {1, 2, 3, 4, 256}) {
    EXPECT_LT(std::abs(correlation_score(numbers, numbers, lag)), kFalseAlarm) << lag;
    EXPECT_LT(std::abs(correlation_score(squares, squares, lag)), kFalseAlarm) << lag;
  }
}

}  // namespace ddpm
