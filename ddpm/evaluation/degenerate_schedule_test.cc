// Schedules with betas of 0 and 1 at every place: their likelihoods are finite, or refused before
// the first call of the network.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/diffusion/loss_weight.h"
#include "ddpm/evaluation/bound_evaluator.h"
#include "ddpm/evaluation/flow_likelihood.h"
#include "ddpm/evaluation/progressive_coding.h"
#include "ddpm/sampling/times.h"
#include "ddpm/testing/gaussian_network.h"

namespace ddpm {
namespace {

constexpr BatchShape kImage{1, 1, 2, 2};
constexpr GaussianImages kImages{.m = 0.1, .s = 0.5};

using Betas = std::vector<double>;

// Every sequence of one to four of these values.
std::vector<Betas> patterns(const Betas& values = {0.0, 0.3, 1.0}) {
  std::vector<Betas> all;
  std::vector<Betas> longest = {{}};
  for (int64_t T = 1; T <= 4; ++T) {
    std::vector<Betas> longer;
    for (const Betas& betas : longest) {
      for (const double value : values) {
        longer.push_back(betas);
        longer.back().push_back(value);
      }
    }
    all.insert(all.end(), longer.begin(), longer.end());
    longest = longer;
  }
  return all;
}

std::string text_of(const Betas& betas) {
  std::string text;
  for (const double beta : betas) text += std::to_string(beta) + " ";
  return text;
}

// Without the steps of beta 0 and those behind a beta of 1.
Betas reduced(const Betas& betas) {
  Betas result;
  for (const double beta : betas) {
    if (beta > 0.0 && (result.empty() || result.back() < 1.0)) result.push_back(beta);
  }
  return result;
}

std::vector<int64_t> all_times(const Schedule& schedule) {
  return times_for(Spacing::kTrailing, schedule.steps(), schedule.steps());
}

ReadImage byte_images() {
  return [](int64_t index, std::span<float> out) {
    for (size_t k = 0; k < out.size(); ++k) {
      out[k] =
          static_cast<float>(x0_of_byte(static_cast<int>(40 * k + static_cast<size_t>(index))));
    }
  };
}

TEST(DegenerateSchedule, HasAFiniteBoundOrNone) {
  for (const Betas& betas : patterns({0.0, 1e-320, 1e-17, 0.3, 1.0})) {
    const Schedule schedule(betas);
    for (const Prediction prediction : {Prediction::kEps, Prediction::kX0, Prediction::kV}) {
      for (const Variance variance : {Variance::kFixedLarge, Variance::kFixedSmall}) {
        for (const bool clip : {false, true}) {
          try {
            BoundOptions options{.plan = whole_plan(all_times(schedule)), .variance = variance};
            options.clip_x0 = clip;
            const BoundEvaluator bound(kImages.predictor(schedule, prediction), options);
            std::vector<BoundTerm> terms(static_cast<size_t>(bound.terms_per_image()));
            bound.evaluate(byte_images(), kImage, 0, terms);  // throws unless each is finite
            for (const BoundTerm& term : terms) EXPECT_GE(term.nats, -1e-12);
            EXPECT_TRUE(std::isfinite(bound.prior(std::vector<float>(4, 0.5F))));
            EXPECT_GT(betas[0], 0.0) << "L_1 is infinite where x_1 is the clean image";
          } catch (const InvalidArgument& error) {
            EXPECT_NE(std::string(error.what()).find("bound: "), std::string::npos);
          }
        }
      }
    }
  }
}

TEST(DegenerateSchedule, HasTheDensityOfTheScheduleWithoutItsIdleSteps) {
  const auto density = [](const Schedule& schedule, Prediction prediction) {
    const NetworkPointer vjp =
        network_of([=](ConstBatchView x, std::span<const Timestep> timesteps,
                       ConstBatchView cotangent, BatchView output, BatchView product) {
          kImages.network(schedule, prediction)->predict({x, timesteps}, output);
          const NoiseLevel level = schedule.level(timesteps[0].index + 1);
          const double slope =
              kImages.output(prediction, level, 1.0) - kImages.output(prediction, level, 0.0);
          for (size_t k = 0; k < x.values().size(); ++k) {
            product.values()[k] = static_cast<float>(slope * cotangent.values()[k]);
          }
        });
    FlowOptions options;
    options.times = all_times(schedule);
    options.dequantise = false;
    const FlowLikelihood flow(vjp, schedule, prediction, false, options);
    FlowDensity result{};
    flow.evaluate(kImages.reader(), kImage, 3, std::span(&result, 1));
    return result.nats;
  };
  for (const Betas& betas : patterns()) {
    const Schedule schedule(betas);
    for (const Prediction prediction : {Prediction::kEps, Prediction::kX0, Prediction::kV}) {
      try {
        check_prediction(prediction, schedule, "x");
      } catch (const InvalidArgument&) {
        EXPECT_THROW(density(schedule, prediction), InvalidArgument);
        continue;
      }
      EXPECT_NEAR(density(schedule, prediction), density(Schedule(reduced(betas)), prediction),
                  1e-6)
          << text_of(betas) << to_string(prediction);
    }
  }
}

TEST(DegenerateSchedule, IsSentProgressively) {
  for (const Betas& betas : patterns()) {
    const Schedule schedule(betas);
    for (const Prediction prediction : {Prediction::kEps, Prediction::kX0, Prediction::kV}) {
      try {
        check_prediction(prediction, schedule, "x");
      } catch (const InvalidArgument&) {
        continue;
      }
      Batch x0(kImage);
      const auto all =
          send_progressively(kImages.predictor(schedule, prediction), all_times(schedule), true, 1,
                             x0, std::vector<int64_t>{0});
      for (const Received& received : all) {  // throws unless x_0 is finite
        for (const float value : received.x.values()) EXPECT_TRUE(std::isfinite(value));
      }
    }
  }
}

TEST(DegenerateSchedule, HasFiniteLossWeights) {
  for (const Betas& betas : patterns({0.0, 1e-320, 1e-40, 0.3, 1.0})) {
    const Schedule schedule(betas);
    for (const Prediction prediction : all_predictions()) {
      try {
        check_prediction(prediction, schedule, "x");
      } catch (const InvalidArgument&) {
        continue;
      }
      for (const LossWeight kind : all_loss_weights()) {
        for (const Variance variance : {Variance::kFixedLarge, Variance::kFixedSmall}) {
          for (int64_t t = 1; t <= schedule.steps(); ++t) {
            try {
              const double weight = loss_weight({.kind = kind}, prediction, variance, schedule, t);
              EXPECT_TRUE(weight >= 0.0 && std::isfinite(static_cast<float>(weight)))
                  << text_of(betas) << to_string(prediction) << " " << to_string(kind) << " " << t;
            } catch (const InvalidArgument&) {
              // that of the bound, where the bound is infinite too
              EXPECT_EQ(kind, LossWeight::kVariational);
              EXPECT_THROW(check_bound(schedule, "x"), InvalidArgument) << text_of(betas);
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ddpm
