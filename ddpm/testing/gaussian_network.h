// The oracle of this layer's tests: images whose values are N(m, s^2), each on its own, and the
// network that is best for them, a formula. Its x_0 is off by e_t in the mean of squares, so every
// term of the bound, and the density along the flow, have a closed form.

#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "ddpm/diffusion/network.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule.h"
#include "ddpm/evaluation/bound_evaluator.h"
#include "ddpm/random/stream.h"

namespace ddpm {

struct GaussianImages {
  double m = 0.0;
  double s = 1.0;

  // Of x_t.
  double variance(NoiseLevel level) const {
    return level.signal * level.signal * s * s + level.sigma * level.sigma;
  }
  double x0(NoiseLevel level, double x) const {
    return m + level.signal * s * s * (x - level.signal * m) / variance(level);
  }
  double eps(NoiseLevel level, double x) const {
    return level.sigma * (x - level.signal * m) / variance(level);
  }
  double squared_error(NoiseLevel level) const {  // e_t
    return s * s * level.sigma * level.sigma / variance(level);
  }
  // What x_s varies by when x_t is known, in a chain's step j.
  double best_log_variance(const Schedule& chain, int64_t j) const {
    const Posterior q = chain.posterior(j);
    return std::log(q.variance + q.x0_weight * q.x0_weight * squared_error(chain.level(j)));
  }

  ReadImage reader(uint64_t seed = 1) const {
    return [*this, seed](int64_t index, std::span<float> out) {
      fill_normal({seed, Purpose::kTest, static_cast<uint64_t>(index)}, out);
      for (float& value : out) value = static_cast<float>(m + s * value);
    };
  }

  double output(Prediction prediction, NoiseLevel level, double x) const {
    const double eps_hat = eps(level, x);
    const double x0_hat = x0(level, x);
    if (prediction == Prediction::kEps) return eps_hat;
    if (prediction == Prediction::kX0) return x0_hat;
    return level.signal * eps_hat - level.sigma * x0_hat;  // v
  }

  // With `learned`, the second half of its output says the best variance.
  NetworkPointer network(const Schedule& schedule, Prediction prediction,
                         Variance learned = Variance::kFixedLarge) const {
    return network_of([*this, schedule, prediction, learned](
                          ConstBatchView x, std::span<const Timestep> timesteps, BatchView out) {
      for (int64_t i = 0; i < x.images(); ++i) {
        const int64_t t = timesteps[static_cast<size_t>(i)].index + 1;
        const NoiseLevel level = schedule.level(t);
        const std::span<const float> values = x.image(i);
        const std::span<float> result = out.image(i);
        for (size_t k = 0; k < values.size(); ++k) {
          result[k] = static_cast<float>(output(prediction, level, values[k]));
        }
        if (!is_learned(learned)) continue;
        const double best = best_log_variance(schedule, t);
        const LogVarianceRange range = log_variance_range(schedule, t - 1, t);
        const double place =  // the inverse of [iDDPM] eq. 15
            2.0 * (best - range.lower) / (range.upper - range.lower) - 1.0;
        for (size_t k = values.size(); k < result.size(); ++k) {
          result[k] = static_cast<float>(learned == Variance::kLearned ? best : place);
        }
      }
    });
  }

  NoisePredictor predictor(const Schedule& schedule, Prediction prediction = Prediction::kEps,
                           Variance learned = Variance::kFixedLarge) const {
    return {network(schedule, prediction, learned), schedule, prediction, is_learned(learned)};
  }
};

}  // namespace ddpm
