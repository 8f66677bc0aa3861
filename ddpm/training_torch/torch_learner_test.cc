#include "ddpm/training_torch/torch_learner.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/config/presets.h"
#include "ddpm/random/stream.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

constexpr int64_t kT = 4;

TrainConfig importance_config() {
  TrainConfig config = preset("tiny");
  config.T = kT;
  config.sample_steps = kT;
  config.batch_size = 8;
  config.timestep_sampling = TimestepSampling::kImportance;
  return config;
}

Batch some_images() {
  Batch batch({8, 1, 8, 8});
  fill_normal({3, Purpose::kTest, 0}, batch.values());
  return batch;
}

// A full history, in which the losses of t are t^2.
std::map<std::string, std::vector<double>> full_history() {
  std::vector<double> losses;
  for (int64_t t = 1; t <= kT; ++t) {
    losses.insert(losses.end(), LossHistory::kKept, static_cast<double>(t * t));
  }
  return {{"loss_history", losses},
          {"loss_history_counts", std::vector<double>(kT, LossHistory::kKept)}};
}

// What is made small is the mean of l_t / (T p_t) over draws of t by p, not of l_t; what is
// remembered is l_t itself.
TEST(TorchLearner, WeighsAwayThatTimesAreDrawnByTheirLosses) {
  const TrainConfig config = importance_config();
  TorchLearner learner(config, unet_config_of(config, 1, 8, 8), at::kCPU);
  learner.restore({}, full_history());
  const StepReport report = learner.step(some_images(), 0);
  ASSERT_EQ(report.t.size(), 8U);
  double weighted = 0.0;
  double plain = 0.0;
  std::vector<double> newest(kT + 1);
  for (size_t i = 0; i < 8; ++i) {
    const auto t = static_cast<double>(report.t[i]);
    const double p = 0.999 * t * t / 30.0 + 0.001 / static_cast<double>(kT);  // 1 + 4 + 9 + 16
    weighted += report.image_losses[i] / (static_cast<double>(kT) * p) / 8.0;
    plain += report.image_losses[i] / 8.0;
    newest[static_cast<size_t>(report.t[i])] = report.image_losses[i];
  }
  EXPECT_NEAR(report.loss, weighted, 1e-6 * weighted);  // float32
  EXPECT_GT(std::abs(weighted - plain), 1e-3);          // so that the two can be told apart
  const std::vector<double> remembered = learner.carried().at("loss_history");
  for (int64_t t = 1; t <= kT; ++t) {
    const double last = remembered[static_cast<size_t>(t * LossHistory::kKept - 1)];
    const double loss = newest[static_cast<size_t>(t)];
    EXPECT_EQ(last, loss == 0.0 ? static_cast<double>(t * t) : loss) << t;
  }
}

TEST(TorchLearner, WithoutImportanceItsLossIsTheMeanOverTheImages) {
  TrainConfig config = importance_config();
  config.timestep_sampling = TimestepSampling::kStratified;
  TorchLearner learner(config, unet_config_of(config, 1, 8, 8), at::kCPU);
  EXPECT_TRUE(learner.carried().empty());
  const StepReport report = learner.step(some_images(), 0);
  double mean = 0.0;
  for (const double loss : report.image_losses) mean += loss / 8.0;
  EXPECT_NEAR(report.loss, mean, 1e-6 * mean);
}

TEST(TorchLearner, RefusesAConfigurationThatIsOutOfRangeOrDoesNotFitTogether) {
  const TrainConfig good = importance_config();
  const UNetConfig unet = unet_config_of(good, 1, 8, 8);
  const auto refused = [&](void (*change)(TrainConfig&)) {
    TrainConfig config = good;
    change(config);
    return complaint<InvalidArgument>([&] { TorchLearner(config, unet, at::kCPU); });
  };
  expect_contains(refused([](TrainConfig& config) { config.learning_rate = 0.0; }),
                  "learner: learning_rate must be a number in [1e-20, 1], got 0");
  expect_contains(refused([](TrainConfig& config) { config.loss = LossKind::kHybrid; }),
                  "learner: loss: hybrid trains a learned variance, got the variance fixed_large");
  TrainConfig cast = good;
  cast.error = static_cast<ErrorKind>(60);
  EXPECT_THROW(TorchLearner(cast, unet, at::kCPU), std::logic_error);
}

}  // namespace
}  // namespace ddpm
