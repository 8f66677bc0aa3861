#include "ddpm/diffusion/prediction.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

std::vector<float> normal_numbers(uint64_t index, size_t n = 200) {
  std::vector<float> numbers(n);
  fill_normal({.seed = 41, .purpose = Purpose::kTest, .index = index}, numbers);
  return numbers;
}

}  // namespace

// The target, read back as a prediction at x_t, is the x_0 and the eps that x_t was made of.
TEST(PredictX0, InvertsQSample) {
  const Schedule schedule = Schedule::linear(1000);
  const std::vector<float> x0 = normal_numbers(0);
  const std::vector<float> eps = normal_numbers(1);
  for (const Prediction prediction : all_predictions()) {
    for (const int64_t t : {1, 2, 250, 999, 1000}) {
      const NoiseLevel level = schedule.level(t);
      std::vector<float> x_t(x0.size());
      std::vector<float> target(x0.size());
      std::vector<float> x0_again(x0.size());
      std::vector<float> eps_again(x0.size());
      mix(level, x0, eps, x_t);
      training_target(prediction, level, x0, eps, target);
      predict_x0(prediction, level, x_t, target, x0_again);
      predict_eps(prediction, level, x_t, target, eps_again);
      // x_t and the target are rounded to float32, at values below 8; eps at t = T divides that by
      // the signal.
      const double bound =
          8 * 0x1p-24 * 2.0 / (prediction == Prediction::kEps ? level.signal : 1.0);
      for (size_t i = 0; i < x0.size(); ++i) {
        ASSERT_NEAR(x0_again[i], x0[i], bound) << to_string(prediction) << " t = " << t;
        ASSERT_NEAR(eps_again[i], eps[i], 16 * 0x1p-24) << to_string(prediction) << " t = " << t;
      }
    }
  }
}

// By hand, at signal 0.8 and sigma 0.6: x_0 = 1 and eps = 2 give x_t = 2 and v = 0.8 * 2 - 0.6 = 1.
TEST(Prediction, HasItsDefinition) {
  const NoiseLevel level{.signal = 0.8, .sigma = 0.6};
  const std::vector<float> x0 = {1.0F};
  const std::vector<float> eps = {2.0F};
  std::vector<float> target(1);
  training_target(Prediction::kEps, level, x0, eps, target);
  EXPECT_EQ(target[0], 2.0F);
  training_target(Prediction::kV, level, x0, eps, target);
  EXPECT_FLOAT_EQ(target[0], 1.0F);
  const OutputWeights eps_weights = output_weights(Prediction::kEps, level);
  EXPECT_DOUBLE_EQ(eps_weights.x0_xt * 2.0 + eps_weights.x0_output * 2.0, 1.0);
  const OutputWeights v_weights = output_weights(Prediction::kV, level);
  EXPECT_DOUBLE_EQ(v_weights.x0_xt * 2.0 + v_weights.x0_output * 1.0, 1.0);
  EXPECT_DOUBLE_EQ(v_weights.eps_xt * 2.0 + v_weights.eps_output * 1.0, 2.0);
}

// Whatever is predicted, x_0 and eps stay consistent: signal x_0 + sigma eps = x_t for any output.
TEST(Prediction, AnyOutputExplainsTheNoisyImage) {
  const Schedule schedule = Schedule::cosine(1000);
  for (const Prediction prediction : all_predictions()) {
    for (int64_t t = 1; t <= 1000; t += 37) {
      const NoiseLevel level = schedule.level(t);
      const OutputWeights weights = output_weights(prediction, level);
      EXPECT_NEAR(level.signal * weights.x0_xt + level.sigma * weights.eps_xt, 1.0, 1e-12);
      EXPECT_NEAR(level.signal * weights.x0_output + level.sigma * weights.eps_output, 0.0, 1e-12);
    }
  }
}

// Errors of one prediction in three units: |eps error|^2 = SNR |x_0 error|^2 = alpha_bar |v
// error|^2.
TEST(Prediction, ErrorsScaleWithTheSignalToNoiseRatio) {
  const Schedule schedule = Schedule::linear(1000);
  for (const int64_t t : {1, 100, 1000}) {
    const NoiseLevel level = schedule.level(t);
    const double snr = level.signal * level.signal / (level.sigma * level.sigma);
    const OutputWeights eps = output_weights(Prediction::kEps, level);
    EXPECT_NEAR(eps.x0_output * eps.x0_output * snr, 1.0, 1e-12);
    const OutputWeights v = output_weights(Prediction::kV, level);
    EXPECT_NEAR(v.eps_output * v.eps_output, schedule.alpha_bar(t), 1e-12);
    EXPECT_NEAR(v.x0_output * v.x0_output, 1.0 - schedule.alpha_bar(t), 1e-12);
  }
}

TEST(Prediction, RejectsArraysOfDifferentSizes) {
  const NoiseLevel level{.signal = 0.8, .sigma = 0.6};
  const std::vector<float> two(2);
  const std::vector<float> three(3);
  std::vector<float> out(2);
  EXPECT_THROW(training_target(Prediction::kV, level, two, three, out), InvalidArgument);
  EXPECT_THROW(predict_x0(Prediction::kV, level, three, two, out), InvalidArgument);
  EXPECT_THROW(predict_eps(Prediction::kV, level, three, three, out), InvalidArgument);
}

TEST(Prediction, NamesGoThereAndBack) {
  EXPECT_EQ(to_string(Prediction::kEps), "eps");
  EXPECT_EQ(to_string(Prediction::kV), "v");
  for (const Prediction prediction : all_predictions()) {
    EXPECT_EQ(prediction_from(to_string(prediction)), prediction);
  }
  EXPECT_THROW(prediction_from("epsilon"), InvalidArgument);
}

}  // namespace ddpm
