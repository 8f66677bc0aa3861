#include "ddpm/diffusion/noise_predictor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

struct Pair {
  double x0;
  double eps;
};

// The meaning of one value of the output.
Pair meaning_of(double output, double x_t, const OutputWeights& weights, NoiseLevel level,
                const EstimateOptions& options) {
  if (!std::isfinite(output)) {  // clipping would hide an infinity
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    return {kNaN, kNaN};
  }
  const double x0 = weights.x0_xt * x_t + weights.x0_output * output;
  const double eps = weights.eps_xt * x_t + weights.eps_output * output;
  if (!options.clip_x0 || std::abs(x0) <= 1.0) return {x0, eps};
  const double clipped = std::clamp(x0, -1.0, 1.0);
  return {clipped, options.rederive_eps ? (x_t - level.signal * clipped) / level.sigma : eps};
}

}  // namespace

Timestep timestep_of(int64_t t, int64_t T) {
  DDPM_CHECK(t >= 1 && t <= T, "noise_predictor: t must be in [1, ", T, "], got ", t);
  return Timestep{t - 1};  // 1 .. T -> 0 .. T - 1
}

NoisePredictor::NoisePredictor(Network network, Schedule schedule, Prediction prediction)
    : network_(std::move(network)), schedule_(std::move(schedule)), prediction_(prediction) {
  DDPM_CHECK(network_ != nullptr, "noise_predictor: wanted a network, got none");
}

void NoisePredictor::predict(ConstBatchView x_t, std::span<const int64_t> t,
                             BatchView output) const {
  DDPM_CHECK(x_t.shape() == output.shape(), "noise_predictor: the output must have the shape ",
             x_t.shape(), ", got ", output.shape());
  DDPM_CHECK(std::ssize(t) == x_t.images(), "noise_predictor: t must have one entry an image, ",
             x_t.images(), ", got ", t.size());
  std::vector<Timestep> timesteps;
  for (const int64_t time : t) timesteps.push_back(timestep_of(time, schedule_.steps()));
  network_(x_t, timesteps, output);
}

void NoisePredictor::estimate(ConstBatchView x_t, std::span<const int64_t> t,
                              const EstimateOptions& options, BatchView x0, BatchView eps) const {
  DDPM_CHECK(x_t.shape() == x0.shape(), "noise_predictor: x0 must have the shape ", x_t.shape(),
             ", got ", x0.shape());
  predict(x_t, t, eps);  // read and overwritten below
  for (int64_t i = 0; i < x_t.images(); ++i) {
    const int64_t time = t[static_cast<size_t>(i)];
    const NoiseLevel level = schedule_.level(time);
    const OutputWeights weights = output_weights(prediction_, schedule_, time);
    const std::span<const float> x = x_t.image(i);
    const std::span<float> x0_i = x0.image(i);
    const std::span<float> eps_i = eps.image(i);
    for (size_t j = 0; j < x.size(); ++j) {
      const Pair meaning = meaning_of(eps_i[j], x[j], weights, level, options);
      x0_i[j] = static_cast<float>(meaning.x0);
      eps_i[j] = static_cast<float>(meaning.eps);
    }
  }
}

}  // namespace ddpm
