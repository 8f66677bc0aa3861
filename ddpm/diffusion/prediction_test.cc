#include "ddpm/diffusion/prediction.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/schedule_kinds.h"
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
  const Schedule schedule = linear_schedule(1000);
  const std::vector<float> x0 = normal_numbers(0);
  const std::vector<float> eps = normal_numbers(1);
  for (const Prediction prediction : all_predictions()) {
    for (const int64_t t : {1, 2, 250, 999, 1000}) {
      std::vector<float> x_t(x0.size());
      std::vector<float> target(x0.size());
      std::vector<float> x0_again(x0.size());
      std::vector<float> eps_again(x0.size());
      mix(schedule.level(t), x0, eps, x_t);
      training_target(prediction, schedule, t, x0, eps, target);
      predict_x0(prediction, schedule, t, x_t, target, x0_again);
      predict_eps(prediction, schedule, t, x_t, target, eps_again);
      // x_t and the target, values below 8, are rounded to float32; the weights enlarge that.
      const OutputWeights w = output_weights(prediction, schedule, t);
      const double rounding = 8 * 0x1p-24;
      const double x0_bound = rounding * (1.0 + std::abs(w.x0_xt) + std::abs(w.x0_output));
      const double eps_bound = rounding * (1.0 + std::abs(w.eps_xt) + std::abs(w.eps_output));
      for (size_t i = 0; i < x0.size(); ++i) {
        ASSERT_NEAR(x0_again[i], x0[i], x0_bound) << to_string(prediction) << " t = " << t;
        ASSERT_NEAR(eps_again[i], eps[i], eps_bound) << to_string(prediction) << " t = " << t;
      }
    }
  }
}

// By hand, at signal 0.8 and sigma 0.6, after one step of beta 0.2 and one that leaves 0.64 of it:
// x_0 = 1 and eps = 2 give x_t = 2 and v = 0.8 * 2 - 0.6 = 1.
TEST(Prediction, HasItsDefinition) {
  const Schedule schedule({0.2, 0.2});
  ASSERT_NEAR(schedule.level(2).signal, 0.8, 1e-15);
  const std::vector<float> x0 = {1.0F};
  const std::vector<float> eps = {2.0F};
  // mean = sqrt(0.8) 0.2 / 0.36 x_0 + sqrt(0.8) 0.2 / 0.36 x_t, with x_t = 2
  const double mean = std::sqrt(0.8) * 0.2 / 0.36 * (1.0 + 2.0);
  const std::pair<Prediction, double> rows[] = {{Prediction::kEps, 2.0},
                                                {Prediction::kX0, 1.0},
                                                {Prediction::kMean, mean},
                                                {Prediction::kV, 1.0}};
  for (const auto& [prediction, wanted] : rows) {
    std::vector<float> target(1);
    training_target(prediction, schedule, 2, x0, eps, target);
    EXPECT_FLOAT_EQ(target[0], static_cast<float>(wanted)) << to_string(prediction);
    const OutputWeights weights = output_weights(prediction, schedule, 2);
    EXPECT_NEAR(weights.x0_xt * 2.0 + weights.x0_output * wanted, 1.0, 1e-14);
    EXPECT_NEAR(weights.eps_xt * 2.0 + weights.eps_output * wanted, 2.0, 1e-14);
  }
  EXPECT_EQ(std::size(rows), all_predictions().size());
}

// Whatever is predicted, x_0 and eps stay consistent: signal x_0 + sigma eps = x_t for any output.
TEST(Prediction, AnyOutputExplainsTheNoisyImage) {
  const Schedule schedule = cosine_schedule(1000);
  for (const Prediction prediction : all_predictions()) {
    for (int64_t t = 1; t <= 1000; t += 37) {
      const NoiseLevel level = schedule.level(t);
      const OutputWeights weights = output_weights(prediction, schedule, t);
      EXPECT_NEAR(level.signal * weights.x0_xt + level.sigma * weights.eps_xt, 1.0, 1e-12);
      EXPECT_NEAR(level.signal * weights.x0_output + level.sigma * weights.eps_output, 0.0, 1e-12);
    }
  }
}

// A prediction turned into any other and back is itself, at every t.
TEST(Prediction, EachIsConvertibleIntoEachOther) {
  const Schedule schedule = linear_schedule(1000);
  for (const Prediction from : all_predictions()) {
    for (const Prediction to : all_predictions()) {
      for (int64_t t = 1; t <= 1000; ++t) {
        // at t = 1 the mean is x_0 itself, so it can be asked for there too
        const double x_t = 0.7;
        const double output = 0.3;
        const OutputWeights w = output_weights(from, schedule, t);
        const double x0 = w.x0_xt * x_t + w.x0_output * output;
        const double eps = w.eps_xt * x_t + w.eps_output * output;
        const TargetWeights there = target_weights(to, schedule, t);
        const double other = there.x0 * x0 + there.eps * eps;
        const OutputWeights v = output_weights(to, schedule, t);
        const double x0_again = v.x0_xt * x_t + v.x0_output * other;
        const double size = 1.0 + std::abs(x0) + std::abs(v.x0_xt) + std::abs(v.x0_output);
        ASSERT_NEAR(x0_again, x0, 1e-13 * size) << to_string(from) << to_string(to) << t;
      }
    }
  }
}

// Errors of one prediction in three units: |eps error|^2 = SNR |x_0 error|^2 = alpha_bar |v
// error|^2.
TEST(Prediction, ErrorsScaleWithTheSignalToNoiseRatio) {
  const Schedule schedule = linear_schedule(1000);
  for (const int64_t t : {1, 100, 1000}) {
    const NoiseLevel level = schedule.level(t);
    const double snr = level.signal * level.signal / (level.sigma * level.sigma);
    const OutputWeights eps = output_weights(Prediction::kEps, schedule, t);
    EXPECT_NEAR(eps.x0_output * eps.x0_output * snr, 1.0, 1e-12);
    const OutputWeights v = output_weights(Prediction::kV, schedule, t);
    EXPECT_NEAR(v.eps_output * v.eps_output, schedule.alpha_bar(t), 1e-12);
    EXPECT_NEAR(v.x0_output * v.x0_output, 1.0 - schedule.alpha_bar(t), 1e-12);
  }
}

TEST(Prediction, WhereNothingIsLeftOfTheImageEpsIsAnErrorThatSaysWhatElse) {
  const Schedule schedule =
      make_schedule({.kind = ScheduleKind::kLinear, .zero_terminal_snr = true});
  try {
    check_prediction(Prediction::kEps, schedule, "train");
    ADD_FAILURE() << "no error";
  } catch (const InvalidArgument& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.rfind("train: at t = 1000", 0), 0U) << message;
    EXPECT_NE(message.find("predict v or x0"), std::string::npos) << message;
  }
  EXPECT_THROW(output_weights(Prediction::kEps, schedule, 1000), InvalidArgument);
  EXPECT_NO_THROW(output_weights(Prediction::kEps, schedule, 999));
  for (const Prediction prediction : {Prediction::kX0, Prediction::kV, Prediction::kMean}) {
    EXPECT_NO_THROW(check_prediction(prediction, schedule, "train")) << to_string(prediction);
    const OutputWeights weights = output_weights(prediction, schedule, 1000);
    EXPECT_EQ(weights.x0_xt, 0.0) << to_string(prediction);  // x_T tells nothing
    EXPECT_TRUE(std::isfinite(weights.x0_output));
    EXPECT_NEAR(weights.eps_xt, 1.0, 1e-15);  // and is all noise
  }
  // mu-tilde tells nothing of x_0 either where x_{t-1} has none of it, or is x_t
  EXPECT_THROW(check_prediction(Prediction::kMean, Schedule({0.1, 1.0, 0.1}), "x"),
               InvalidArgument);
  EXPECT_THROW(check_prediction(Prediction::kMean, Schedule({0.1, 0.0}), "x"), InvalidArgument);
  EXPECT_NO_THROW(check_prediction(Prediction::kX0, Schedule({0.0, 1.0, 0.1}), "x"));
}

TEST(Prediction, WhereNoNoiseIsInTheImageItIsX0AndEpsIsZero) {
  const Schedule schedule({0.0, 0.5});
  for (const Prediction prediction : {Prediction::kX0, Prediction::kMean}) {
    const OutputWeights weights = output_weights(prediction, schedule, 1);
    EXPECT_EQ(weights.x0_output, 1.0);
    EXPECT_EQ(weights.eps_xt, 0.0);
    EXPECT_EQ(weights.eps_output, 0.0);
  }
  const OutputWeights v = output_weights(Prediction::kV, schedule, 1);
  EXPECT_EQ(v.x0_xt, 1.0);
  EXPECT_EQ(v.x0_output, 0.0);
}

TEST(Prediction, RejectsArraysOfDifferentSizes) {
  const Schedule schedule({0.36});
  const std::vector<float> two(2);
  const std::vector<float> three(3);
  std::vector<float> out(2);
  EXPECT_THROW(training_target(Prediction::kV, schedule, 1, two, three, out), InvalidArgument);
  EXPECT_THROW(predict_x0(Prediction::kV, schedule, 1, three, two, out), InvalidArgument);
  EXPECT_THROW(predict_eps(Prediction::kV, schedule, 1, three, three, out), InvalidArgument);
}

TEST(Prediction, NamesGoThereAndBack) {
  EXPECT_EQ(to_string(Prediction::kEps), "eps");
  EXPECT_EQ(to_string(Prediction::kX0), "x0");
  EXPECT_EQ(to_string(Prediction::kMean), "mean");
  EXPECT_EQ(to_string(Prediction::kV), "v");
  for (const Prediction prediction : all_predictions()) {
    EXPECT_EQ(prediction_from(to_string(prediction)), prediction);
  }
  EXPECT_THROW(prediction_from("epsilon"), InvalidArgument);
}

}  // namespace ddpm
