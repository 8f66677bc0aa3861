// What a run makes small: the loss that its configuration names, of each image of a batch.

#pragma once

#include <optional>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/config/train_config.h"
#include "ddpm/tensor/tensor.h"
#include "ddpm/training_torch/bound_loss.h"
#include "ddpm/training_torch/loss.h"
#include "ddpm/training_torch/noisy_batch.h"

namespace ddpm {

class Objective {
 public:
  // Throws InvalidArgument as check_train_config does.
  explicit Objective(const TrainConfig& config);

  const Schedule& schedule() const { return schedule_; }
  Prediction prediction() const { return prediction_; }

  // Of each image of the batch that was made from x0; the weights of importance sampling are not in
  // it.
  //   output  the network's: [N, C, H, W], or [N, 2 C, H, W] with a learned variance
  //   result  [N], float32, differentiable in output. In a hybrid loss, [iDDPM] eq. 16, the part of
  //           the bound has no gradient in the prediction, so that it trains the variance alone.
  Tensor losses(const Tensor& output, const NoisyBatch& noisy, ConstBatchView x0) const;

 private:
  Schedule schedule_;
  Prediction prediction_;
  Variance variance_;
  PointError error_;
  std::vector<double> weights_;     // [T + 1], of the error at t; empty: all 1
  std::optional<BoundLoss> bound_;  // of the losses that have one
  bool has_error_;
  double bound_weight_;
};

}  // namespace ddpm
