// What every learner does in the same way: times, learning rate and decay of a step, whether its
// update is made, and what is counted.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ddpm/config/train_config.h"
#include "ddpm/diffusion/loss_history.h"
#include "ddpm/training/learner.h"
#include "ddpm/training/training_times.h"

namespace ddpm {

// The state of a learner but for its arrays. Each step of a learner is
//   begin, then the losses and their gradient, then end, then the update if end returned true.
// One thread at a time may use it.
class LearnerProgress {
 public:
  // Throws InvalidArgument as check_train_config does.
  explicit LearnerProgress(const TrainConfig& config);

  // A step that has begun.
  struct Begun {
    StepReport report;            // with step, t, learning_rate and ema_decay
    std::vector<double> weights;  // [N], of the image losses in the mean that is differentiated;
                                  // empty: all 1
  };
  // The next step, on the samples first_sample .. first_sample + images - 1; changes nothing.
  Begun begin(int64_t first_sample, int64_t images) const;

  // Counts a step whose loss, image_losses and gradient_norm are in the report, and keeps the
  // losses that times are drawn by. Returns whether the update is to be made, then already counted;
  // otherwise sets report.not_finite.
  bool end(StepReport& report);

  const LearnerCounters& counters() const { return counters_; }
  CarriedNumbers carried() const;  // what Learner::carried() gives

  // As Learner::restore documents.
  void restore(const LearnerCounters& counters, const CarriedNumbers& carried);

 private:
  TrainingTimes draw_times(int64_t first_sample, int64_t count) const;
  void keep_losses(const StepReport& report);

  TrainConfig config_;
  std::optional<LossHistory> history_;  // if t is drawn by it
  LearnerCounters counters_;
};

// What all gradients are multiplied by before an update, so that their global norm is at most
// config.gradient_clip; 1 if it is, or if that is 0.
double gradient_scale(const TrainConfig& config, double gradient_norm);

}  // namespace ddpm
