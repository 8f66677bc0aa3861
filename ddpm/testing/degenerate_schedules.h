// Schedules with betas of 0 and 1 at every place, and every sampler for them.
//
// A step of beta 0 changes nothing, and behind a beta of 1 everything is pure noise.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/testing/gaussian_data.h"

namespace ddpm {

inline constexpr BatchShape kShape{.images = 1, .channels = 1, .height = 2, .width = 2};
inline constexpr GaussianData kData{.m = 0.1, .s = 0.3};
inline const std::vector<int64_t> kIndices = {0};

using Betas = std::vector<double>;
using List = std::vector<int64_t>;

// Every sequence of `length` of these values.
inline std::vector<Betas> sequences(const Betas& values, int64_t length) {
  std::vector<Betas> all = {{}};
  for (int64_t i = 0; i < length; ++i) {
    std::vector<Betas> longer;
    for (const Betas& betas : all) {
      for (const double value : values) {
        longer.push_back(betas);
        longer.back().push_back(value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

// One to four steps, and six with all but one alike.
inline std::vector<Betas> patterns() {
  std::vector<Betas> all;
  for (int64_t T = 1; T <= 4; ++T) {
    for (Betas& betas : sequences({0.0, 0.3, 1.0}, T)) all.push_back(std::move(betas));
  }
  for (const double other : {0.0, 1.0}) {
    for (size_t at = 0; at < 6; ++at) {
      for (const double most : {0.0, 0.3, 1.0}) {
        all.emplace_back(6, most);
        all.back()[at] = other;
      }
    }
  }
  return all;
}

inline std::string text_of(const Betas& betas) {
  std::vector<std::string> words;
  for (const double beta : betas) words.push_back(shortest(beta));
  return "{" + join(words, ", ") + "}";
}

// The schedule without idle steps, and where each time is in it; 0 where x_t is the clean image.
struct Reduced {
  Betas betas;
  List time_of;  // [T + 1]
};

inline Reduced reduced(const Betas& betas) {
  Reduced result{{}, {0}};
  for (const double beta : betas) {
    const bool erased = !result.betas.empty() && result.betas.back() == 1.0;
    if (beta > 0.0 && !erased) result.betas.push_back(beta);
    result.time_of.push_back(std::ssize(result.betas));
  }
  return result;
}

inline List reduced(const List& times, const Reduced& way) {
  List result;
  for (const int64_t t : times) {
    const int64_t s = way.time_of[static_cast<size_t>(t)];
    if (result.empty() || s < result.back()) result.push_back(s);
  }
  return result;
}

// As many lists as there are subsets of 1 .. T - 1, at most 8 of them.
inline std::vector<List> lists_of(int64_t T) {
  std::vector<List> lists;
  const int64_t subsets = int64_t{1} << (T - 1);
  for (int64_t subset = subsets - 1; subset >= 0 && lists.size() < 8; --subset) {
    List list = {T};
    for (int64_t t = T - 1; t >= 1; --t) {
      if ((subset >> (t - 1) & 1) != 0) list.push_back(t);
    }
    list.push_back(0);
    lists.push_back(list);
  }
  return lists;
}

inline NetworkPointer best_network(const Schedule& schedule, Prediction prediction, bool learned) {
  return network_of([=](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
    const int64_t t = timesteps[0].index + 1;
    const NoiseLevel level = schedule.level(t);
    const TargetWeights target = target_weights(prediction, schedule, t);
    const std::span<const float> values = x.image(0);
    for (size_t j = 0; j < values.size(); ++j) {
      output.image(0)[j] = static_cast<float>(target.x0 * kData.x0(level, values[j]) +
                                              target.eps * kData.eps(level, values[j]));
      if (learned) output.image(0)[j + values.size()] = -1.0F;
    }
  });
}

inline NoisePredictor best_predictor(const Schedule& schedule, Prediction prediction,
                                     bool learned) {
  return {best_network(schedule, prediction, learned), schedule, prediction, learned};
}

// Each sampler and each of its ways.
inline std::vector<SamplerOptions> all_options() {
  std::vector<SamplerOptions> all;
  for (const SamplerKind kind : all_sampler_kinds()) {
    all.push_back({.kind = kind});
    all.push_back({.kind = kind, .clip_x0 = false});
    all.push_back({.kind = kind, .rederive_eps = false});
    all.push_back({.kind = kind, .ends_at_one = true});
  }
  for (const Variance variance : all_variances()) all.push_back({.variance = variance});
  for (const double eta : {0.5, 1.0}) all.push_back({.kind = SamplerKind::kDdim, .eta = eta});
  for (const SamplerKind kind : {SamplerKind::kEuler, SamplerKind::kHeun}) {
    all.push_back({.kind = kind, .churn = {.amount = 1.0}});
  }
  for (const SamplerKind kind : {SamplerKind::kDpm2M, SamplerKind::kDpm2MSde}) {
    all.push_back({.kind = kind, .dpm = {.heun = true}});
    all.push_back({.kind = kind, .dpm = {.heun = true}, .ends_at_one = true});
  }
  return all;
}

inline std::string text_of(const SamplerOptions& options) {
  return concat(to_string(options.kind), " ", to_string(options.variance), " eta ", options.eta,
                options.clip_x0 ? "" : " unclipped", options.rederive_eps ? "" : " raw eps",
                options.ends_at_one ? " to t = 1" : "", options.dpm.heun ? " heun" : "",
                options.churn.amount > 0.0 ? " churn" : "");
}

// Noise that belongs to levels, as `way` numbers them: without it, to times.
inline NoiseSource noise_of(const Reduced* way, int64_t T) {
  return [way, T](int64_t, int64_t t, std::span<float> z) {
    const bool lifts = t > T;
    int64_t at = lifts ? t - T : t;
    if (way != nullptr) at = way->time_of[static_cast<size_t>(at)];
    fill_normal({.seed = 5,
                 .purpose = Purpose::kTest,
                 .index = static_cast<uint64_t>(at),
                 .step = lifts ? 1U : 0U},
                z);
  };
}

inline std::vector<float> sample(const NoisePredictor& predictor, const List& times,
                                 const SamplerOptions& options, const Reduced* way) {
  Batch x(kShape);
  fill_initial_noise(3, kIndices, x);
  run_sampler(predictor, times, options, noise_of(way, predictor.schedule().steps()), kIndices, x);
  return {x.values().begin(), x.values().end()};
}

// Whether a network with this prediction knows x_0 at every time, from the definitions.
inline bool determines_x0(Prediction prediction, const Betas& betas) {
  bool noisy = false;
  bool erased = false;
  for (const double beta : betas) {
    const bool mean_knows = !noisy || (beta > 0.0 && !erased);
    if (prediction == Prediction::kMean && !mean_knows) return false;
    noisy = noisy || beta > 0.0;
    erased = erased || beta == 1.0;
    if (prediction == Prediction::kEps && erased) return false;
  }
  return noisy;
}

// The churn of a step is a share of the number of steps.
inline SamplerOptions with_churn_for(SamplerOptions options, size_t entries) {
  if (options.churn.amount > 0.0) options.churn.amount = 0.5 * static_cast<double>(entries - 1);
  return options;
}

}  // namespace ddpm
