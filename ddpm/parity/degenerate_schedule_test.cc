// Schedules with betas of 0 and 1 by the rules of other programs.

#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/parity/diffusers_plan.h"
#include "ddpm/testing/degenerate_schedules.h"

namespace ddpm {
namespace {

// What other programs do otherwise divides by 0 where they do: that is refused, not sampled.
TEST(DegenerateScheduleParity, ByAnotherProgramsRulesItIsFiniteOrRefused) {
  for (const Betas& betas : patterns()) {
    const Schedule schedule(betas);
    for (const Prediction prediction : {Prediction::kEps, Prediction::kX0, Prediction::kV}) {
      if (!determines_x0(prediction, betas)) continue;
      for (SamplerOptions options : all_options()) {
        const bool learned = is_learned(options.variance);
        for (const bool float32 : {false, true}) {
          Parity parity = {.stride = 1, .pndm_unguarded = true, .end_noise = true};
          if (float32) parity.betas.assign(betas.begin(), betas.end());
          use_parity(parity, options);
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

TEST(Parity, APlanWithNothingSwitchedIsOursExceptForRounding) {
  const Schedule schedule = linear_schedule(100);
  const List times = {100, 75, 50, 25, 0};
  for (const SamplerKind kind :
       {SamplerKind::kAncestral, SamplerKind::kDdim, SamplerKind::kDpm2M}) {
    const SamplerOptions options = {.kind = kind};
    const Plan ours = sampler_plan(options, schedule, times);
    const Plan theirs = diffusers_plan(options, {}, schedule, times);
    ASSERT_EQ(ours.size(), theirs.size());
    for (size_t i = 0; i < ours.size(); ++i) {
      EXPECT_EQ(ours[i].t, theirs[i].t);
      EXPECT_NEAR(ours[i].x_weight, theirs[i].x_weight, 1e-12) << to_string(kind) << i;
      EXPECT_NEAR(ours[i].noise_weight, theirs[i].noise_weight, 1e-12) << to_string(kind) << i;
    }
  }
}

TEST(Parity, OptionsArePlannedByItOnlyIfItChangesPlans) {
  SamplerOptions options;
  use_parity({}, options);
  EXPECT_FALSE(options.planner);
  use_parity({.end_noise = true}, options);
  ASSERT_TRUE(options.planner);
  EXPECT_FALSE(options.float32_estimates);
  // of a last step from t = 2 diffusers adds noise, which ours does not
  const Schedule schedule = linear_schedule(10);
  EXPECT_GT(sampler_plan(options, schedule, List{2, 0})[0].noise_weight, 0.0);
  EXPECT_EQ(sampler_plan({}, schedule, List{2, 0})[0].noise_weight, 0.0);
  use_parity({.betas = std::vector<float>(10, 0.1F)}, options);
  EXPECT_TRUE(options.float32_estimates);
}

}  // namespace
}  // namespace ddpm
