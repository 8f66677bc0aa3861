#include "ddpm/training_torch/bound_loss.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"
#include "ddpm/tensor/convert.h"
#include "ddpm/training_torch/noisy_batch.h"

namespace ddpm {
namespace {

constexpr BatchShape kShape{.images = 6, .channels = 1, .height = 4, .width = 4};

// Bytes, the first and the last one among them.
Batch byte_images() {
  Batch x0(kShape);
  for (size_t k = 0; k < x0.values().size(); ++k) {
    const uint64_t byte = below({4, Purpose::kTest, k}, 256);
    x0.values()[k] = static_cast<float>(x0_of_byte(static_cast<int>(k % 5 == 0   ? 0
                                                                    : k % 5 == 1 ? 255
                                                                                 : byte)));
  }
  return x0;
}

// A batch, and an output that is off by `error` times normal numbers.
struct Case {
  Batch x0 = byte_images();
  NoisyBatch noisy;
  Batch prediction = Batch(kShape);
  Batch word = Batch(kShape);  // on the variance
  Tensor prediction_tensor;
  Tensor word_tensor;

  Case(const Schedule& schedule, Prediction kind, double error, std::vector<int64_t> t)
      : noisy(make_noisy_batch(schedule, kind, 3, 0, x0, std::move(t))) {
    fill_normal({8, Purpose::kTest, 0}, prediction.values());
    fill_normal({8, Purpose::kTest, 1}, word.values());
    for (size_t k = 0; k < prediction.values().size(); ++k) {
      float& value = prediction.values()[k];
      value = noisy.target.values()[k] + static_cast<float>(error) * value;
    }
    prediction_tensor = to_tensor(prediction, at::kCPU).requires_grad_(true);
    word_tensor = to_tensor(word, at::kCPU).requires_grad_(true);
  }

  Tensor losses(const BoundLoss& loss) const {
    return loss({prediction_tensor, word_tensor, to_tensor(noisy.target, at::kCPU), x0, noisy.x_t,
                 noisy.t});
  }
};

// The same by the plain functions, of image i.
double definition(const Case& of, const Schedule& schedule, Prediction prediction,
                  Variance variance, int64_t i) {
  const int64_t t = of.noisy.t[static_cast<size_t>(i)];
  const OutputWeights weights = output_weights(prediction, schedule, t);
  std::vector<double> x0;
  std::vector<double> log_variance;
  for (size_t k = 0; k < of.x0.image(i).size(); ++k) {
    x0.push_back(weights.x0_xt * of.noisy.x_t.image(i)[k] +
                 weights.x0_output * of.prediction.image(i)[k]);
    log_variance.push_back(
        is_learned(variance)
            ? LearnedLogVariance(variance, schedule, t - 1, t).at(of.word.image(i)[k])
            : fixed_log_variance(variance, schedule, t));
  }
  const double nats = bound_term(schedule, t, of.x0.image(i), {x0, log_variance}, Cdf::kExact);
  return static_cast<double>(schedule.steps()) * nats / kNatsPerBit;
}

TEST(BoundLoss, IsTheBoundOfTheDefinition) {
  for (const Schedule& schedule : {linear_schedule(1000), cosine_schedule(50)}) {
    const int64_t T = schedule.steps();
    for (const Prediction prediction : all_predictions()) {
      for (const Variance variance : all_variances()) {
        const BoundLoss loss(schedule, prediction, variance);
        const Case of(schedule, prediction, 0.1, {1, 2, 3, T / 2, T, 1});
        const std::vector<double> got = to_doubles(of.losses(loss));
        for (int64_t i = 0; i < kShape.images; ++i) {
          const double wanted = definition(of, schedule, prediction, variance, i);
          // float32: the target of a prediction of mean or x_0 is rounded by 6e-8, and at T of the
          // cosine schedule 1 / signal of eps enlarges what x_t was rounded by 20,000 times
          EXPECT_NEAR(got[static_cast<size_t>(i)], wanted, 2e-4 * wanted + 1e-6)
              << to_string(prediction) << ", " << to_string(variance) << ", T " << T << ", image "
              << i;
        }
      }
    }
  }
}

// Of one value with error e the best ln sigma^2 is ln beta_tilde + ln(1 + 2 w e^2), where the
// derivative of the divergence vanishes; w is the weight of e^2.
TEST(BoundLoss, HasNoSlopeInTheBestVarianceAndOneTowardsItElsewhere) {
  const Schedule schedule = linear_schedule(1000);
  const int64_t t = 40;
  const BoundLoss loss(schedule, Prediction::kEps, Variance::kLearned);
  const double beta = schedule.beta(t);
  const double beta_tilde = schedule.posterior(t).variance;
  const double weight =
      beta * beta / (2.0 * beta_tilde * (1.0 - beta) * (1.0 - schedule.alpha_bar(t)));
  const double e = 0.7;
  const double best = std::log(beta_tilde) + std::log1p(2.0 * weight * e * e);
  const Batch zeros({1, 1, 1, 1});
  for (const double off : {-0.5, 0.0, 0.5}) {
    const Tensor word = at::full({1, 1, 1, 1}, best + off).requires_grad_(true);
    const std::vector<int64_t> times = {t};
    loss({at::full({1, 1, 1, 1}, e), word, at::zeros({1, 1, 1, 1}), zeros, zeros, times})
        .sum()
        .backward();
    const double slope = word.grad().item<double>() * kNatsPerBit / 1000.0;
    EXPECT_NEAR(slope, 0.5 * (1.0 - std::exp(-off)), 1e-4) << off;
  }
}

// However far the mean is from the byte, training has a slope that leads back: -ln p grows as the
// square of the distance over 2 sigma^2.
TEST(BoundLoss, OfTheDecoderHasAFiniteSlopeInTheFarTail) {
  const Schedule schedule = linear_schedule(1000);
  const BoundLoss loss(schedule, Prediction::kX0, Variance::kFixedSmall);
  const double variance = schedule.posterior(2).variance;
  for (const float byte : {-1.0F, static_cast<float>(x0_of_byte(128)), 1.0F}) {
    Batch x0({1, 1, 1, 1});
    x0.values()[0] = byte;
    for (const double apart : {-40.0, 40.0}) {
      const bool open = (byte == -1.0F && apart < 0) || (byte == 1.0F && apart > 0);
      const Tensor prediction = at::full({1, 1, 1, 1}, byte + apart).requires_grad_(true);
      const std::vector<int64_t> times = {1};
      const Tensor bits = loss({prediction, {}, at::full({1, 1, 1, 1}, byte), x0, x0, times});
      bits.sum().backward();
      const double scale = 1000.0 / kNatsPerBit;
      const double slope = prediction.grad().item<double>() / scale;
      const double wanted = open ? 0.0 : apart / variance;
      // the edge of the bin is nearer by 1/255 than its middle
      EXPECT_NEAR(slope, wanted, 2e-4 * std::abs(wanted)) << byte << ", " << apart;
      EXPECT_NEAR(bits.item<double>() / scale, open ? 0.0 : 0.5 * apart * apart / variance,
                  2e-4 * 0.5 * apart * apart / variance);
    }
  }
}

TEST(BoundLoss, IsNothingForAStepInWhichNothingHappens) {
  const Schedule idle({0.1, 0.0, 0.2});
  for (const Variance variance : all_variances()) {
    const Case of(idle, Prediction::kV, 0.1, {2, 2, 2, 2, 2, 3});
    const Tensor losses = of.losses(BoundLoss(idle, Prediction::kV, variance));
    EXPECT_EQ(losses[0].item<double>(), 0.0);
    EXPECT_GT(losses[5].item<double>(), 0.0);
    losses.sum().backward();
    EXPECT_EQ(of.prediction_tensor.grad()[0].abs().max().item<double>(), 0.0);
  }
}

TEST(BoundLoss, RefusesAScheduleWhoseBoundIsInfinite) {
  EXPECT_THROW(BoundLoss(Schedule({0.0, 0.1}), Prediction::kX0, Variance::kFixedLarge),
               InvalidArgument);
}

}  // namespace
}  // namespace ddpm
