#include "ddpm/training/learner_progress.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/config/presets.h"

namespace ddpm {
namespace {

// A step of one image with this loss and gradient.
StepReport step_with(LearnerProgress& progress, double loss, double gradient_norm) {
  StepReport report = progress.begin(progress.counters().steps, 1).report;
  report.loss = loss;
  report.image_losses = {loss};
  report.gradient_norm = gradient_norm;
  progress.end(report);
  return report;
}

TEST(LearnerProgress, AnUpdateIsMadeIfLossAndGradientAreFinite) {
  LearnerProgress progress(preset("tiny"));
  EXPECT_EQ(step_with(progress, 1.0, 2.0).not_finite, "");
  EXPECT_EQ(step_with(progress, NAN, 0.0).not_finite, "loss");
  EXPECT_EQ(step_with(progress, 1.0, INFINITY).not_finite, "gradient");
  EXPECT_EQ(progress.counters(), (LearnerCounters{.steps = 3,
                                                  .skipped_updates = 2,
                                                  .bad_in_a_row = 2,
                                                  .optimizer_updates = 1,
                                                  .ema_updates = 1}));
  step_with(progress, 1.0, 2.0);
  EXPECT_EQ(progress.counters().bad_in_a_row, 0);
}

TEST(LearnerProgress, RatesFollowTheStepsAndDecaysTheUpdates) {
  TrainConfig config = preset("tiny");
  config.warmup = 10;
  config.ema_decay = 0.99;
  LearnerProgress progress(config);
  step_with(progress, NAN, 0.0);
  step_with(progress, 1.0, 1.0);
  const StepReport report = step_with(progress, 1.0, 1.0);
  EXPECT_EQ(report.step, 3);
  EXPECT_EQ(report.learning_rate, learning_rate_at(config, 2));
  EXPECT_DOUBLE_EQ(report.ema_decay, 2.0 / 11.0);  // after one update
}

TEST(LearnerProgress, RefusesADecayOfOne) {
  TrainConfig config = preset("tiny");
  config.ema_decay = 1.0;
  EXPECT_THROW(LearnerProgress{config}, InvalidArgument);
}

TEST(GradientScale, LeavesGradientsUpToTheClipAsTheyAre) {
  TrainConfig config = preset("tiny");
  config.gradient_clip = 2.0;
  EXPECT_EQ(gradient_scale(config, 2.0), 1.0);
  EXPECT_EQ(gradient_scale(config, 8.0), 0.25);
  config.gradient_clip = 0.0;
  EXPECT_EQ(gradient_scale(config, 8.0), 1.0);
}

}  // namespace
}  // namespace ddpm
