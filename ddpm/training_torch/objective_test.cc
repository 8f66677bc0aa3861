#include "ddpm/training_torch/objective.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/loss_weight.h"
#include "ddpm/diffusion/objective.h"
#include "ddpm/random/stream.h"
#include "ddpm/tensor/convert.h"

namespace ddpm {
namespace {

constexpr BatchShape kShape{.images = 3, .channels = 2, .height = 2, .width = 2};

Batch normal_batch(uint64_t index, BatchShape shape = kShape) {
  Batch batch(shape);
  fill_normal({2, Purpose::kTest, index}, batch.values());
  return batch;
}

NoisyBatch noisy_batch(const Objective& objective, ConstBatchView x0) {
  return make_noisy_batch(objective.schedule(), objective.prediction(), 5, 0, x0, {1, 400, 1000});
}

TEST(ImageErrors, SquaredIsTheDefinition) {
  const Batch output = normal_batch(0);
  const Batch target = normal_batch(1);
  const std::vector<double> got =
      to_doubles(image_errors(to_tensor(output, at::kCPU), to_tensor(target, at::kCPU)));
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(got[static_cast<size_t>(i)], simple_loss(target.image(i), output.image(i)), 1e-6);
  }
}

TEST(ImageErrors, HuberIsSquaredNearZeroAndGoesOnWithTheSameSlope) {
  const PointError huber{.kind = ErrorKind::kHuber, .delta = 0.5};
  const PointError absolute{.kind = ErrorKind::kAbsolute};
  struct {
    double error, value, slope;
  } const rows[] = {{0.3, 0.09, 0.6},
                    {-0.3, 0.09, -0.6},
                    {0.5, 0.25, 1.0},
                    {2.0, 1.75, 1.0},
                    {-2.0, 1.75, -1.0}};  // 2 * 0.5 * 2 - 0.25
  for (const auto& row : rows) {
    const Tensor output = at::full({1, 1, 1, 1}, row.error).requires_grad_(true);
    const Tensor zero = at::zeros({1, 1, 1, 1});
    const Tensor loss = image_errors(output, zero, huber);
    EXPECT_NEAR(loss.item<double>(), row.value, 1e-6);
    loss.sum().backward();
    EXPECT_NEAR(output.grad().item<double>(), row.slope, 1e-6);
    EXPECT_NEAR(image_errors(output, zero, absolute).item<double>(), std::abs(row.error), 1e-6);
  }
}

TEST(Objective, EachWeightMultipliesTheErrorOfItsTime) {
  for (const LossWeight weight : all_loss_weights()) {
    for (const Prediction prediction : all_predictions()) {
      TrainConfig config;
      config.prediction = prediction;
      config.loss_weight = {.kind = weight, .min_snr_gamma = 3.0, .p2_gamma = 0.5, .p2_k = 2.0};
      const Objective objective(config);
      const Batch x0 = normal_batch(0);
      const NoisyBatch noisy = noisy_batch(objective, x0);
      const Batch output = normal_batch(1);
      const std::vector<double> got =
          to_doubles(objective.losses(to_tensor(output, at::kCPU), noisy, x0));
      for (int64_t i = 0; i < 3; ++i) {
        const double wanted = loss_weight(config.loss_weight, prediction, config.variance,
                                          objective.schedule(), noisy.t[static_cast<size_t>(i)]) *
                              simple_loss(noisy.target.image(i), output.image(i));
        EXPECT_NEAR(got[static_cast<size_t>(i)], wanted, 1e-6 * wanted)
            << to_string(weight) << ", " << to_string(prediction);
      }
    }
  }
}

// The gradient of the prediction is that of L_simple alone; that of the variance is lambda times
// the bound's.
TEST(Objective, HybridTrainsTheVarianceByTheBoundAlone) {
  TrainConfig config;
  config.variance = Variance::kLearnedRange;
  config.loss = LossKind::kHybrid;
  config.hybrid_weight = 0.25;
  const Objective hybrid(config);
  config.loss = LossKind::kBound;
  const Objective bound(config);
  const Batch x0(kShape);  // byte images: 0 is not one, but lies within a bin
  const NoisyBatch noisy = noisy_batch(hybrid, x0);
  const auto gradient = [&](const Objective& objective) {
    BatchShape doubled = kShape;
    doubled.channels *= 2;
    const Tensor output = to_tensor(normal_batch(3, doubled), at::kCPU).requires_grad_(true);
    objective.losses(output, noisy, x0).sum().backward();
    return output.grad();
  };
  const Tensor of_hybrid = gradient(hybrid);
  const Tensor of_bound = gradient(bound);
  BatchShape doubled = kShape;
  doubled.channels *= 2;
  const Tensor prediction =
      to_tensor(normal_batch(3, doubled), at::kCPU).narrow(1, 0, 2).contiguous();
  prediction.requires_grad_(true);
  image_errors(prediction, to_tensor(noisy.target, at::kCPU)).sum().backward();
  EXPECT_TRUE(at::allclose(of_hybrid.narrow(1, 0, 2), prediction.grad(), 1e-6, 0.0));
  EXPECT_TRUE(at::allclose(of_hybrid.narrow(1, 2, 2), 0.25 * of_bound.narrow(1, 2, 2), 1e-5, 0.0));
  EXPECT_GT(of_bound.narrow(1, 0, 2).abs().min().item<double>(), 0.0);
}

}  // namespace
}  // namespace ddpm
