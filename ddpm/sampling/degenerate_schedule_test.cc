// Schedules with betas of 0 and 1 at every place, through every sampler and prediction.
//
// A step of beta 0 changes nothing, and behind a beta of 1 everything is pure noise. So such a
// schedule samples exactly as the one without these steps, which is the oracle here; and whatever
// cannot be sampled is refused before the first call of the network.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/family.h"
#include "ddpm/sampling/inversion.h"
#include "ddpm/sampling/repaint.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/sampling/times.h"
#include "ddpm/testing/gaussian_data.h"

namespace ddpm {

namespace {

constexpr BatchShape kShape{.images = 1, .channels = 1, .height = 2, .width = 2};
constexpr GaussianData kData{.m = 0.1, .s = 0.3};
const std::vector<int64_t> kIndices = {0};

using Betas = std::vector<double>;
using List = std::vector<int64_t>;

// Every sequence of `length` of these values.
std::vector<Betas> sequences(const Betas& values, int64_t length) {
  std::vector<Betas> all = {{}};
  for (int64_t i = 0; i < length; ++i) {
    std::vector<Betas> longer;
    for (const Betas& betas : all) {
      for (const double value : values) {
        longer.push_back(betas);
        longer.back().push_back(value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

// One to four steps, and six with all but one alike.
std::vector<Betas> patterns() {
  std::vector<Betas> all;
  for (int64_t T = 1; T <= 4; ++T) {
    for (Betas& betas : sequences({0.0, 0.3, 1.0}, T)) all.push_back(std::move(betas));
  }
  for (const double other : {0.0, 1.0}) {
    for (size_t at = 0; at < 6; ++at) {
      for (const double most : {0.0, 0.3, 1.0}) {
        all.emplace_back(6, most);
        all.back()[at] = other;
      }
    }
  }
  return all;
}

std::string text_of(const Betas& betas) {
  std::vector<std::string> words;
  for (const double beta : betas) words.push_back(shortest(beta));
  return "{" + join(words, ", ") + "}";
}

// The schedule without idle steps, and where each time is in it; 0 where x_t is the clean image.
struct Reduced {
  Betas betas;
  List time_of;  // [T + 1]
};

Reduced reduced(const Betas& betas) {
  Reduced result{{}, {0}};
  for (const double beta : betas) {
    const bool erased = !result.betas.empty() && result.betas.back() == 1.0;
    if (beta > 0.0 && !erased) result.betas.push_back(beta);
    result.time_of.push_back(std::ssize(result.betas));
  }
  return result;
}

List reduced(const List& times, const Reduced& way) {
  List result;
  for (const int64_t t : times) {
    const int64_t s = way.time_of[static_cast<size_t>(t)];
    if (result.empty() || s < result.back()) result.push_back(s);
  }
  return result;
}

// As many lists as there are subsets of 1 .. T - 1, at most 8 of them.
std::vector<List> lists_of(int64_t T) {
  std::vector<List> lists;
  const int64_t subsets = int64_t{1} << (T - 1);
  for (int64_t subset = subsets - 1; subset >= 0 && lists.size() < 8; --subset) {
    List list = {T};
    for (int64_t t = T - 1; t >= 1; --t) {
      if ((subset >> (t - 1) & 1) != 0) list.push_back(t);
    }
    list.push_back(0);
    lists.push_back(list);
  }
  return lists;
}

NetworkPointer best_network(const Schedule& schedule, Prediction prediction, bool learned) {
  return network_of([=](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
    const int64_t t = timesteps[0].index + 1;
    const NoiseLevel level = schedule.level(t);
    const TargetWeights target = target_weights(prediction, schedule, t);
    const std::span<const float> values = x.image(0);
    for (size_t j = 0; j < values.size(); ++j) {
      output.image(0)[j] = static_cast<float>(target.x0 * kData.x0(level, values[j]) +
                                              target.eps * kData.eps(level, values[j]));
      if (learned) output.image(0)[j + values.size()] = -1.0F;
    }
  });
}

NoisePredictor best_predictor(const Schedule& schedule, Prediction prediction, bool learned) {
  return {best_network(schedule, prediction, learned), schedule, prediction, learned};
}

// Each sampler and each of its ways.
std::vector<SamplerOptions> all_options() {
  std::vector<SamplerOptions> all;
  for (const SamplerKind kind : all_sampler_kinds()) {
    all.push_back({.kind = kind});
    all.push_back({.kind = kind, .clip_x0 = false});
    all.push_back({.kind = kind, .rederive_eps = false});
    all.push_back({.kind = kind, .ends_at_one = true});
  }
  for (const Variance variance : all_variances()) all.push_back({.variance = variance});
  for (const double eta : {0.5, 1.0}) all.push_back({.kind = SamplerKind::kDdim, .eta = eta});
  for (const SamplerKind kind : {SamplerKind::kEuler, SamplerKind::kHeun}) {
    all.push_back({.kind = kind, .churn = {.amount = 1.0}});
  }
  for (const SamplerKind kind : {SamplerKind::kDpm2M, SamplerKind::kDpm2MSde}) {
    all.push_back({.kind = kind, .dpm = {.heun = true}});
    all.push_back({.kind = kind, .dpm = {.heun = true}, .ends_at_one = true});
  }
  return all;
}

std::string text_of(const SamplerOptions& options) {
  return concat(to_string(options.kind), " ", to_string(options.variance), " eta ", options.eta,
                options.clip_x0 ? "" : " unclipped", options.rederive_eps ? "" : " raw eps",
                options.ends_at_one ? " to t = 1" : "", options.dpm.heun ? " heun" : "",
                options.churn.amount > 0.0 ? " churn" : "");
}

// Noise that belongs to levels, as `way` numbers them: without it, to times.
NoiseSource noise_of(const Reduced* way, int64_t T) {
  return [way, T](int64_t, int64_t t, std::span<float> z) {
    const bool lifts = t > T;
    int64_t at = lifts ? t - T : t;
    if (way != nullptr) at = way->time_of[static_cast<size_t>(at)];
    fill_normal({.seed = 5,
                 .purpose = Purpose::kTest,
                 .index = static_cast<uint64_t>(at),
                 .step = lifts ? 1U : 0U},
                z);
  };
}

std::vector<float> sample(const NoisePredictor& predictor, const List& times,
                          const SamplerOptions& options, const Reduced* way) {
  Batch x(kShape);
  fill_initial_noise(3, kIndices, x);
  run_sampler(predictor, times, options, noise_of(way, predictor.schedule().steps()), kIndices, x);
  return {x.values().begin(), x.values().end()};
}

// Whether a network with this prediction knows x_0 at every time, from the definitions.
bool determines_x0(Prediction prediction, const Betas& betas) {
  bool noisy = false;
  bool erased = false;
  for (const double beta : betas) {
    const bool mean_knows = !noisy || (beta > 0.0 && !erased);
    if (prediction == Prediction::kMean && !mean_knows) return false;
    noisy = noisy || beta > 0.0;
    erased = erased || beta == 1.0;
    if (prediction == Prediction::kEps && erased) return false;
  }
  return noisy;
}

// The churn of a step is a share of the number of steps.
SamplerOptions with_churn_for(SamplerOptions options, size_t entries) {
  if (options.churn.amount > 0.0) options.churn.amount = 0.5 * static_cast<double>(entries - 1);
  return options;
}

bool visits_all(const List& times) { return std::ssize(times) == times[0] + 1; }

bool is_pseudo(SamplerKind kind) {
  return kind == SamplerKind::kPndm || kind == SamplerKind::kPlms;
}

}  // namespace

TEST(DegenerateSchedule, IsRefusedJustWhereAPredictionDoesNotDetermineTheImage) {
  for (const Betas& betas : patterns()) {
    for (const Prediction prediction : all_predictions()) {
      SCOPED_TRACE(text_of(betas) + " " + to_string(prediction));
      const auto check = [&] { check_prediction(prediction, Schedule(betas), "train"); };
      if (determines_x0(prediction, betas)) {
        EXPECT_NO_THROW(check());
      } else {
        EXPECT_THROW(check(), InvalidArgument);
      }
    }
  }
}

TEST(DegenerateSchedule, SamplesAsTheScheduleWithoutItsIdleSteps) {
  for (const Betas& betas : patterns()) {
    const Reduced way = reduced(betas);
    for (const Prediction prediction : all_predictions()) {
      if (!determines_x0(prediction, betas)) continue;
      for (SamplerOptions options : all_options()) {
        const bool learned = is_learned(options.variance);
        // level 1 is another one where the first beta is 0
        if (options.ends_at_one && betas[0] == 0.0) continue;
        const Schedule schedule(betas);
        const Schedule plain(way.betas);
        const NoisePredictor predictor = best_predictor(schedule, prediction, learned);
        const NoisePredictor plain_predictor = best_predictor(plain, prediction, learned);
        for (const List& times : lists_of(schedule.steps())) {
          // by Runge and Kutta's rule a call lies in the middle of the times, not of the levels
          if (is_pseudo(options.kind) && !visits_all(times)) continue;
          const List plain_times = reduced(times, way);
          const auto x = sample(predictor, times, with_churn_for(options, times.size()), &way);
          const auto wanted = sample(plain_predictor, plain_times,
                                     with_churn_for(options, plain_times.size()), nullptr);
          for (size_t j = 0; j < x.size(); ++j) {
            ASSERT_NEAR(x[j], wanted[j], 2e-5)
                << text_of(betas) << " " << to_string(prediction) << " " << text_of(options)
                << " times " << join(times, ",");
          }
        }
      }
    }
  }
}

// Nearly 0 and nearly 1, subnormal too, through every sampler: finite, or refused before any call.
TEST(DegenerateSchedule, GivesFiniteImagesOrIsRefusedBeforeTheFirstCall) {
  std::vector<Betas> all = patterns();
  for (int64_t T = 1; T <= 3; ++T) {
    for (Betas& betas : sequences({1e-320, 1e-300, 1e-40, 1e-17, 0.3, 1.0 - 1e-16, 1.0}, T)) {
      all.push_back(std::move(betas));
    }
  }
  all.emplace_back(1000, 0.5);  // alpha_bar down to 1e-301
  for (const Betas& betas : all) {
    const Schedule schedule(betas);
    for (const Prediction prediction : all_predictions()) {
      for (const SamplerOptions& options : all_options()) {
        const bool learned = is_learned(options.variance);
        int64_t calls = 0;
        const NetworkPointer best = best_network(schedule, prediction, learned);
        const NoisePredictor predictor(
            network_of(
                [&](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
                  ++calls;
                  best->predict({x, timesteps}, output);
                }),
            schedule, prediction, learned);
        const List times = lists_of(std::min<int64_t>(schedule.steps(), 3))[0];
        try {
          check_prediction(prediction, schedule, "sample");
          for (const float value : sample(predictor, times, options, nullptr)) {
            ASSERT_TRUE(std::isfinite(value));
          }
        } catch (const InvalidArgument& error) {
          ASSERT_EQ(calls, 0) << error.what();
        } catch (const std::exception& error) {
          FAIL() << text_of(betas) << " " << to_string(prediction) << " " << text_of(options)
                 << ": " << error.what();
        }
      }
    }
  }
}

// What other programs do otherwise divides by 0 where they do: that is refused, not sampled.
TEST(DegenerateSchedule, ByAnotherProgramsRulesItIsFiniteOrRefused) {
  for (const Betas& betas : patterns()) {
    const Schedule schedule(betas);
    for (const Prediction prediction : {Prediction::kEps, Prediction::kX0, Prediction::kV}) {
      if (!determines_x0(prediction, betas)) continue;
      for (SamplerOptions options : all_options()) {
        const bool learned = is_learned(options.variance);
        for (const bool float32 : {false, true}) {
          options.parity = Parity();
          options.parity.stride = 1;
          options.parity.pndm_unguarded = true;
          options.parity.end_noise = true;
          if (float32) options.parity.betas.assign(betas.begin(), betas.end());
          try {
            const NoisePredictor predictor = best_predictor(schedule, prediction, learned);
            for (const List& times : lists_of(schedule.steps())) {
              for (const float value : sample(predictor, times, options, nullptr)) {
                ASSERT_TRUE(std::isfinite(value));
              }
            }
          } catch (const InvalidArgument&) {
            continue;
          } catch (const std::exception& error) {
            FAIL() << text_of(betas) << " " << to_string(prediction) << " " << text_of(options)
                   << ": " << error.what();
          }
        }
      }
    }
  }
}

TEST(DegenerateSchedule, IsEncodedAsTheScheduleWithoutItsIdleSteps) {
  for (const Betas& betas : patterns()) {
    const Reduced way = reduced(betas);
    for (const Prediction prediction : all_predictions()) {
      if (!determines_x0(prediction, betas)) continue;
      const Schedule schedule(betas);
      const Schedule plain(way.betas);
      for (List times : lists_of(schedule.steps())) {
        List plain_times = reduced(times, way);
        std::reverse(times.begin(), times.end());
        std::reverse(plain_times.begin(), plain_times.end());
        const auto encode = [&](const Schedule& which, const List& list) {
          Batch x(kShape);
          const std::vector<float> image = {-0.5F, 0.0F, 0.25F, 1.0F};
          std::copy(image.begin(), image.end(), x.values().begin());
          run_inversion(best_predictor(which, prediction, false), list, {}, kIndices, x);
          return std::vector<float>(x.values().begin(), x.values().end());
        };
        const auto x = encode(schedule, times);
        const auto wanted = encode(plain, plain_times);
        for (size_t j = 0; j < x.size(); ++j) {
          ASSERT_NEAR(x[j], wanted[j], 2e-5)
              << text_of(betas) << " " << to_string(prediction) << " times " << join(times, ",");
        }
      }
    }
  }
}

TEST(DegenerateSchedule, IsFilledInByRepaint) {
  for (const Betas& betas : patterns()) {
    const Schedule schedule(betas);
    for (const Prediction prediction : all_predictions()) {
      if (!determines_x0(prediction, betas)) continue;
      for (const SamplerKind kind : {SamplerKind::kAncestral, SamplerKind::kDdim,
                                     SamplerKind::kDpm1S, SamplerKind::kEuler}) {
        Batch known(kShape);
        known.values()[1] = 0.5F;
        const std::vector<uint8_t> where = {0, 1, 0, 1};
        Batch x(kShape);
        fill_initial_noise(3, kIndices, x);
        run_repaint(best_predictor(schedule, prediction, false), lists_of(schedule.steps())[0],
                    {.jump_length = 1, .resamplings = 2, .sampler = {.kind = kind}}, {known, where},
                    7, kIndices, x);
        ASSERT_TRUE(all_finite(std::as_const(x).values())) << text_of(betas);
        EXPECT_EQ(x.values()[1], 0.5F);
        EXPECT_EQ(x.values()[3], 0.0F);
      }
    }
  }
}

}  // namespace ddpm
