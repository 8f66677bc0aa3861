// The terms of the variational bound on tensors, to train on. diffusion/bound.h is their
// definition.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule.h"
#include "ddpm/tensor/tensor.h"

namespace ddpm {

// What the network said of a batch, and what it should have said.
struct BoundInputs {
  Tensor prediction;       // [N, C, H, W]
  Tensor variance_output;  // [N, C, H, W] if the variance is learned, else undefined
  Tensor target;           // [N, C, H, W]
  ConstBatchView x0;       // likewise, on the host
  ConstBatchView x_t;
  std::span<const int64_t> t;  // [N]
};

class BoundLoss {
 public:
  // Throws InvalidArgument as check_bound does.
  BoundLoss(const Schedule& schedule, Prediction prediction, Variance variance);

  // T times L_{t-1} of each image, or L_0 at t = 1, in bits per dimension: with t drawn uniformly
  // an unbiased estimate of L - L_T. x_0 is not clipped. The divergence is summed from the error of
  // the prediction itself, whose weights the schedule has in float64, so that float32 is enough;
  // the decoder, whose probabilities are differences, is computed in float64.
  //   result  [N], float32, differentiable in prediction and variance_output
  Tensor operator()(const BoundInputs& inputs) const;

 private:
  // Of the term at one t, as functions of the network's output; float64.
  struct Coefficients {
    double error_weight;  // of the squared error of the prediction, in the KL with sigma^2 =
                          // beta_tilde
    double log_ratio;     // ln sigma^2 - ln beta_tilde where the network says 0, or always
    double log_slope;     // of that in the network's word; 0 if it is fixed
  };
  // p(x_0 | x_1) as a function of them.
  struct Decoder {
    double x0_xt;
    double x0_output;
    double log_variance;
    double log_slope;
  };

  Coefficients divergence_at(const Schedule& schedule, Prediction prediction, int64_t t) const;
  Decoder decoder_of(const Schedule& schedule, Prediction prediction) const;
  Tensor divergences(const BoundInputs& inputs) const;
  Tensor decoder_losses(const BoundInputs& inputs, const std::vector<int64_t>& images) const;

  Variance variance_;
  int64_t T_;
  std::vector<Coefficients> divergence_;  // [T + 1], of t in [2, T]
  Decoder decoder_;
};

}  // namespace ddpm
