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
#include "ddpm/testing/degenerate_schedules.h"

namespace ddpm {

namespace {

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
