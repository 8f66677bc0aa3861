#include "ddpm/diffusion/noise_predictor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"

namespace ddpm {

static_assert(!std::is_convertible_v<NetworkPointer, NoisePredictor>);
static_assert(!std::is_convertible_v<int64_t, Timestep>);

namespace {

constexpr BatchShape kShape{.images = 2, .channels = 1, .height = 3, .width = 3};

Batch batch_of(float value, BatchShape shape = kShape) {
  Batch batch(shape);
  for (float& x : batch.values()) x = value;
  return batch;
}

NetworkPointer constant_network(float value) {
  return network_of([value](ConstBatchView, std::span<const Timestep>, BatchView output) {
    for (float& y : output.values()) y = value;
  });
}

}  // namespace

TEST(NoisePredictor, TimesOneAndAThousandArriveAsZeroAndNineHundredNinetyNine) {
  std::vector<int64_t> arrived;
  const NetworkPointer network =
      network_of([&](ConstBatchView, std::span<const Timestep> timesteps, BatchView) {
        for (const Timestep timestep : timesteps) arrived.push_back(timestep.index);
      });
  const NoisePredictor predictor(network, linear_schedule(1000), Prediction::kEps);
  const Batch x = batch_of(0.0F);
  Batch x0(kShape);
  Batch output(kShape);
  predictor.predict(x, std::vector<int64_t>{1, 1000}, output);
  EXPECT_EQ(arrived, (std::vector<int64_t>{0, 999}));
  predictor.estimate(x, std::vector<int64_t>{1000, 1}, {}, x0, output);
  EXPECT_EQ(arrived, (std::vector<int64_t>{0, 999, 999, 0}));
}

TEST(NoisePredictor, HalvesTheOutputOfANetworkThatLearnedAVariance) {
  const NetworkPointer network =
      network_of([](ConstBatchView x, std::span<const Timestep>, BatchView output) {
        ASSERT_EQ(output.shape(), (BatchShape{2, 2, 3, 3}));
        for (int64_t i = 0; i < x.images(); ++i) {
          for (size_t k = 0; k < 18; ++k) {
            output.image(i)[k] = static_cast<float>(10 * i + (k < 9 ? 1 : 2));
          }
        }
      });
  const NoisePredictor predictor(network, linear_schedule(10), Prediction::kX0, true);
  const Batch x = batch_of(0.0F);
  Batch x0(kShape);
  Batch eps(kShape);
  Batch variance(kShape);
  const std::vector<int64_t> t = {3, 10};
  predictor.estimate(x, t, {.clip_x0 = false}, x0, eps, variance.view());
  for (size_t k = 0; k < 9; ++k) {
    EXPECT_EQ(x0.image(0)[k], 1.0F);
    EXPECT_EQ(variance.image(0)[k], 2.0F);
    EXPECT_EQ(x0.image(1)[k], 11.0F);
    EXPECT_EQ(variance.image(1)[k], 12.0F);
  }
  predictor.estimate(x, t, {.clip_x0 = false}, x0, eps);  // nobody asks for it
  EXPECT_EQ(x0.image(1)[8], 11.0F);
  const NoisePredictor fixed(constant_network(0.0F), linear_schedule(10), Prediction::kX0);
  EXPECT_THROW(fixed.estimate(x, t, {}, x0, eps, variance.view()), InvalidArgument);
}

TEST(NoisePredictor, PassesTheImagesAndTheBareOutput) {
  const NetworkPointer network =
      network_of([](ConstBatchView x, std::span<const Timestep>, BatchView output) {
        for (size_t i = 0; i < x.values().size(); ++i) output.values()[i] = 5.0F * x.values()[i];
      });
  const NoisePredictor predictor(network, linear_schedule(10), Prediction::kV);
  Batch output(kShape);
  predictor.predict(batch_of(2.0F), std::vector<int64_t>{1, 10}, output);
  for (const float y : output.values()) EXPECT_EQ(y, 10.0F);
}

TEST(NoisePredictor, ABadCallReachesNoNetwork) {
  bool called = false;
  const NetworkPointer network =
      network_of([&](ConstBatchView, std::span<const Timestep>, BatchView) { called = true; });
  const NoisePredictor predictor(network, linear_schedule(10), Prediction::kEps);
  const Batch x(kShape);
  Batch out(kShape);
  Batch other(BatchShape{2, 1, 3, 4});
  EXPECT_THROW(predictor.predict(x, std::vector<int64_t>{1, 0}, out), InvalidArgument);
  EXPECT_THROW(predictor.predict(x, std::vector<int64_t>{11, 1}, out), InvalidArgument);
  EXPECT_THROW(predictor.predict(x, std::vector<int64_t>{1}, out), InvalidArgument);
  EXPECT_THROW(predictor.predict(x, std::vector<int64_t>{1, 1}, other), InvalidArgument);
  EXPECT_THROW(predictor.estimate(x, std::vector<int64_t>{1, 1}, {}, other, out), InvalidArgument);
  EXPECT_FALSE(called);
  EXPECT_THROW(NoisePredictor(nullptr, linear_schedule(10), Prediction::kEps), InvalidArgument);
}

TEST(NoisePredictor, EstimatesWhatThePredictionMeans) {
  const Schedule schedule = linear_schedule(1000);
  for (const Prediction prediction : all_predictions()) {
    const NoisePredictor predictor(constant_network(0.3F), schedule, prediction);
    const std::vector<int64_t> t = {7, 400};
    const Batch x = batch_of(0.4F);
    Batch x0(kShape);
    Batch eps(kShape);
    predictor.estimate(x, t, {.clip_x0 = false}, x0, eps);
    for (int64_t i = 0; i < 2; ++i) {
      const OutputWeights weights = output_weights(prediction, schedule, t[static_cast<size_t>(i)]);
      EXPECT_FLOAT_EQ(x0.image(i)[4],
                      static_cast<float>(weights.x0_xt * 0.4F + weights.x0_output * 0.3F));
      EXPECT_FLOAT_EQ(eps.image(i)[4],
                      static_cast<float>(weights.eps_xt * 0.4F + weights.eps_output * 0.3F));
    }
  }
}

// At t = 500 the signal is 0.28: x_t = 2 and eps = 0.5 mean x_0 = 5.4, far outside of an image.
TEST(NoisePredictor, ClipsAndRederivesOnlyWhenAsked) {
  const Schedule schedule = linear_schedule(1000);
  const NoiseLevel level = schedule.level(500);
  const NoisePredictor predictor(constant_network(0.5F), schedule, Prediction::kEps);
  const std::vector<int64_t> t = {500, 500};
  const Batch x = batch_of(2.0F);
  Batch x0(kShape);
  Batch eps(kShape);

  predictor.estimate(x, t, {.clip_x0 = false}, x0, eps);
  EXPECT_FLOAT_EQ(x0.values()[0], static_cast<float>((2.0 - 0.5 * level.sigma) / level.signal));
  EXPECT_EQ(eps.values()[0], 0.5F);

  predictor.estimate(x, t, {.rederive_eps = false}, x0, eps);
  EXPECT_EQ(x0.values()[0], 1.0F);
  EXPECT_EQ(eps.values()[0], 0.5F);

  predictor.estimate(x, t, {}, x0, eps);
  EXPECT_EQ(x0.values()[0], 1.0F);
  EXPECT_FLOAT_EQ(eps.values()[0], static_cast<float>((2.0 - level.signal) / level.sigma));
}

TEST(NoisePredictor, ClippingDoesNotHideAnInfiniteOutput) {
  for (const float bad :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    for (const Prediction prediction : all_predictions()) {
      const NoisePredictor predictor(constant_network(bad), linear_schedule(1000), prediction);
      Batch x0(kShape);
      Batch eps(kShape);
      predictor.estimate(batch_of(0.1F), std::vector<int64_t>{1, 1000}, {}, x0, eps);
      for (const float value : x0.values()) EXPECT_TRUE(std::isnan(value));
      for (const float value : eps.values()) EXPECT_TRUE(std::isnan(value));
    }
  }
}

// By hand: the sizes 0, 1, .. 8 of an image; the quantile 0.9 lies at 7.2.
TEST(NoisePredictor, DynamicThresholdingDividesByAQuantile) {
  const Schedule schedule = linear_schedule(1000);
  const NetworkPointer network =
      network_of([](ConstBatchView x, std::span<const Timestep>, BatchView output) {
        std::copy(x.values().begin(), x.values().end(), output.values().begin());
      });
  const NoisePredictor predictor(network, schedule, Prediction::kX0);
  Batch x(kShape);
  for (size_t j = 0; j < 9; ++j) {
    x.image(0)[j] = (j % 2 == 0 ? 1.0F : -1.0F) * static_cast<float>(j);
    x.image(1)[j] = 0.05F * static_cast<float>(j);  // within [-1, 1]: r is 1
  }
  Batch x0(kShape);
  Batch eps(kShape);
  const std::vector<int64_t> t = {400, 400};
  predictor.estimate(x, t, {.threshold_quantile = 0.9, .threshold_max = 100.0}, x0, eps);
  EXPECT_FLOAT_EQ(x0.image(0)[8], 1.0F);
  EXPECT_FLOAT_EQ(x0.image(0)[7], static_cast<float>(-7.0 / 7.2));
  EXPECT_FLOAT_EQ(x0.image(0)[2], static_cast<float>(2.0 / 7.2));
  EXPECT_EQ(x0.image(1)[8], x.image(1)[8]);
  const NoiseLevel level = schedule.level(400);
  EXPECT_NEAR(level.signal * x0.image(0)[7] + level.sigma * eps.image(0)[7], -7.0, 1e-6);
  // with the largest r at 1 it is clipping
  predictor.estimate(x, t, {.threshold_quantile = 0.9}, x0, eps);
  EXPECT_EQ(x0.image(0)[7], -1.0F);
  EXPECT_EQ(x0.image(0)[2], 1.0F);
  EXPECT_THROW(predictor.estimate(x, t, {.threshold_quantile = 1.5}, x0, eps), InvalidArgument);
  EXPECT_THROW(predictor.estimate(x, t, {.threshold_max = 0.0}, x0, eps), InvalidArgument);
}

}  // namespace ddpm
