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

// The meaning of one value of the output, before x_0 is bounded.
Pair meaning_of(double output, double x_t, const OutputWeights& weights) {
  if (!std::isfinite(output)) {  // clipping would hide an infinity
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    return {kNaN, kNaN};
  }
  return {weights.x0_xt * x_t + weights.x0_output * output,
          weights.eps_xt * x_t + weights.eps_output * output};
}

// The same in float32; of eps, x0 and v.
Pair float32_meaning_of(Prediction prediction, float output, float x_t, NoiseLevel level) {
  const auto signal = static_cast<float>(level.signal);
  const auto sigma = static_cast<float>(level.sigma);
  const auto noise = sigma * output;
  if (prediction == Prediction::kEps) return {(x_t - noise) / signal, output};  // [DDPM] eq. 15
  if (prediction == Prediction::kX0) {
    return {output, level.is_clean() ? 0.0F : (x_t - signal * output) / sigma};
  }
  return {signal * x_t - noise, signal * output + sigma * x_t};  // [PD] section 4
}

// The quantile of the sizes of x, linear between neighbours; of what is no number nothing counts.
double quantile_of_sizes(std::span<const double> x, double q) {
  std::vector<double> sizes;
  for (const double value : x) {
    if (!std::isnan(value)) sizes.push_back(std::abs(value));
  }
  if (sizes.empty()) return 0.0;
  const double at = q * static_cast<double>(sizes.size() - 1);
  const auto below = static_cast<size_t>(at);
  std::nth_element(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(below), sizes.end());
  const double low = sizes[below];
  if (below + 1 == sizes.size()) return low;
  const double high =
      *std::min_element(sizes.begin() + static_cast<std::ptrdiff_t>(below) + 1, sizes.end());
  return low + (at - static_cast<double>(below)) * (high - low);
}

// The largest size that x_0 keeps, infinite if it keeps any, and what it is divided by then.
struct Bound {
  double size;
  double divisor;
};

Bound bound_of(std::span<const double> x0, const EstimateOptions& options) {
  if (options.threshold_quantile > 0.0) {
    const double q = quantile_of_sizes(x0, options.threshold_quantile);
    const double r = std::min(std::max(q, 1.0), options.threshold_max);
    return {r, r};
  }
  return {options.clip_x0 ? options.clip_range : std::numeric_limits<double>::infinity(), 1.0};
}

void check_options(const EstimateOptions& options) {
  DDPM_CHECK(options.threshold_quantile >= 0.0 && options.threshold_quantile <= 1.0 &&
                 options.threshold_max > 0.0,
             "noise_predictor: wanted a threshold quantile in [0, 1] and a maximum above 0, got ",
             options.threshold_quantile, " and ", options.threshold_max);
  DDPM_CHECK(options.clip_range > 0.0, "noise_predictor: wanted a clip range above 0, got ",
             options.clip_range);
}

}  // namespace

Timestep timestep_of(int64_t t, int64_t T) {
  DDPM_CHECK(t >= 1 && t <= T, "noise_predictor: t must be in [1, ", T, "], got ", t);
  return Timestep{t - 1};  // 1 .. T -> 0 .. T - 1
}

NoisePredictor::NoisePredictor(NetworkPointer network, Schedule schedule, Prediction prediction,
                               bool learned_variance)
    : network_(std::move(network)),
      schedule_(std::move(schedule)),
      prediction_(prediction),
      learned_variance_(learned_variance) {
  DDPM_CHECK(network_ != nullptr, "noise_predictor: wanted a network, got none");
}

BatchShape NoisePredictor::output_shape(BatchShape images) const {
  if (learned_variance_) images.channels *= 2;
  return images;
}

void NoisePredictor::predict(ConstBatchView x_t, std::span<const int64_t> t,
                             BatchView output) const {
  const BatchShape wanted = output_shape(x_t.shape());
  DDPM_CHECK(wanted == output.shape(), "noise_predictor: the output must have the shape ", wanted,
             ", got ", output.shape());
  DDPM_CHECK(std::ssize(t) == x_t.images(), "noise_predictor: t must have one entry an image, ",
             x_t.images(), ", got ", t.size());
  std::vector<Timestep> timesteps;
  for (const int64_t time : t) timesteps.push_back(timestep_of(time, schedule_.steps()));
  network_->predict({x_t, timesteps}, output);
}

// The output's first half into `first`, the second one where it is wanted.
void NoisePredictor::predict_halves(ConstBatchView x_t, std::span<const int64_t> t, BatchView first,
                                    std::optional<BatchView> second) const {
  if (!learned_variance_) return predict(x_t, t, first);
  Batch output(output_shape(x_t.shape()));
  predict(x_t, t, output);
  for (int64_t i = 0; i < x_t.images(); ++i) {
    const std::span<const float> values = std::as_const(output).image(i);
    const size_t half = values.size() / 2;
    std::copy_n(values.begin(), half, first.image(i).begin());
    if (second) std::copy_n(values.begin() + half, half, second->image(i).begin());
  }
}

void NoisePredictor::estimate(ConstBatchView x_t, std::span<const int64_t> t,
                              const EstimateOptions& options, BatchView x0, BatchView eps,
                              std::optional<BatchView> variance) const {
  DDPM_CHECK(x_t.shape() == x0.shape() && x_t.shape() == eps.shape() &&
                 (!variance || x_t.shape() == variance->shape()),
             "noise_predictor: x0, eps and the variance must have the shape ", x_t.shape());
  DDPM_CHECK(!variance || learned_variance_,
             "noise_predictor: this network has learned no variance");
  check_options(options);
  predict_halves(x_t, t, eps, variance);  // eps is read and overwritten below
  std::vector<double> unbounded(static_cast<size_t>(x_t.shape().image_size()));
  for (int64_t i = 0; i < x_t.images(); ++i) {
    const int64_t time = t[static_cast<size_t>(i)];
    const NoiseLevel level = options.level.value_or(schedule_.level(time));
    const OutputWeights weights = options.level ? output_weights(prediction_, level)
                                                : output_weights(prediction_, schedule_, time);
    const std::span<const float> x = x_t.image(i);
    const std::span<float> x0_i = x0.image(i);
    const std::span<float> eps_i = eps.image(i);
    for (size_t j = 0; j < x.size(); ++j) {
      const bool rounded = options.float32 && options.level && std::isfinite(eps_i[j]);
      const Pair meaning = rounded ? float32_meaning_of(prediction_, eps_i[j], x[j], level)
                                   : meaning_of(eps_i[j], x[j], weights);
      unbounded[j] = meaning.x0;
      eps_i[j] = static_cast<float>(meaning.eps);
    }
    const Bound bound = bound_of(unbounded, options);
    for (size_t j = 0; j < x.size(); ++j) {
      const double kept = std::clamp(unbounded[j], -bound.size, bound.size) / bound.divisor;
      x0_i[j] = static_cast<float>(kept);
      if (kept == unbounded[j] || std::isnan(kept) || !options.rederive_eps) continue;
      eps_i[j] =
          static_cast<float>(level.is_clean() ? 0.0 : (x[j] - level.signal * kept) / level.sigma);
    }
  }
}

}  // namespace ddpm
