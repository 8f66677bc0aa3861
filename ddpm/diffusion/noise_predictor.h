// A network, the process that it was trained for and what it predicts, made one.
//
// Here alone the time t of the process, in [1, T], becomes a network's timestep, in [0, T - 1]:
// training, sampling and likelihood call their network through a NoisePredictor or through
// timestep_of.

#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/network.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

// The network's timestep at time t of a process of T steps. Throws InvalidArgument unless t is in
// [1, T].
Timestep timestep_of(int64_t t, int64_t T);

struct EstimateOptions {
  // x_0 is clipped to [-clip_range, clip_range]; images are in [-1, 1].
  bool clip_x0 = true;
  double clip_range = 1.0;  // above 0
  // Dynamic thresholding instead, of Saharia et al. 2022, if above 0: x_0 is clipped to [-r, r] and
  // divided by r, r this quantile of an image's |x_0|, but at least 1 and then at most
  // threshold_max. In [0, 1].
  double threshold_quantile = 0.0;
  double threshold_max = 1.0;  // above 0; at 1 it is clipping
  // Where x_0 was changed, eps is (x_t - signal * x_0) / sigma of the clipped x_0, so that x_t is
  // still signal * x_0 + sigma * eps. If not, eps is what the network said; diffusers' DDIM does
  // so.
  bool rederive_eps = true;
  // What x is, where that is not the schedule's own level at t, which the network is still told.
  std::optional<NoiseLevel> level = {};
  // With a level of its own: every product, sum and quotient that makes x_0 and eps of the output
  // is rounded to float32, in the order of diffusers' schedulers.
  bool float32 = false;
};

// Safe to call from several threads if the network is. Throws InvalidArgument without a network.
class NoisePredictor {
 public:
  // A network that learned a variance has twice as many output channels as its images have.
  NoisePredictor(NetworkPointer network, Schedule schedule, Prediction prediction,
                 bool learned_variance = false);

  const Schedule& schedule() const { return schedule_; }
  Prediction prediction() const { return prediction_; }
  bool learned_variance() const { return learned_variance_; }
  // Of the bare output for images of this shape.
  BatchShape output_shape(BatchShape images) const;

  // The network's bare output.
  //   x_t     float32 [N, C, H, W]
  //   t       [N], each in [1, T]
  //   output  float32, output_shape of x_t's, may not overlap x_t
  // Throws InvalidArgument, and calls no network, if the shapes differ or a time is out of range.
  void predict(ConstBatchView x_t, std::span<const int64_t> t, BatchView output) const;

  // The x_0 and eps that the network's output means.
  //   x_t, t   as above
  //   x0, eps  float32 [N, C, H, W], may overlap neither each other nor x_t
  //   variance float32 [N, C, H, W], if asked for: the output's second half as it is, of which
  //            LearnedLogVariance knows the meaning; only with a learned variance
  // Where the output is not finite x0 and eps are NaN, clipped or not. Throws as predict does, and
  // InvalidArgument for options out of their range.
  void estimate(ConstBatchView x_t, std::span<const int64_t> t, const EstimateOptions& options,
                BatchView x0, BatchView eps, std::optional<BatchView> variance = {}) const;

 private:
  void predict_halves(ConstBatchView x_t, std::span<const int64_t> t, BatchView first,
                      std::optional<BatchView> second) const;

  NetworkPointer network_;
  Schedule schedule_;
  Prediction prediction_;
  bool learned_variance_;
};

}  // namespace ddpm
