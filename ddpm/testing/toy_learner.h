// For tests: a learner from a formula, for every network and without LibTorch.
//
// The loss of sample g with mean value s at t is (1 + t / T) (s + u_g - w)^2, where w is the mean
// of all weights and u_g a number of the sample's own. So a weight's gradient is the same for all;
// each parameter follows it by Adam. As of a real network, a step depends on all weights, both
// moments, the counters, the times, the images and the samples' numbers, so nothing of the state
// can be missing in a checkpoint without another result.

#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/random/stream.h"
#include "ddpm/training/learner.h"
#include "ddpm/training/learner_progress.h"
#include "ddpm/unet/initial_values.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

inline double mean_of(const ParameterValues& values) {
  double sum = 0.0, count = 0.0;
  for (const auto& array : values) {
    for (const float value : array) sum += value;
    count += static_cast<double>(array.size());
  }
  return sum / count;
}

// Predicts tanh(mean of the weights + index / 1000) x, and 0 for a learned variance.
inline NetworkPointer toy_network_of(const ParameterValues& weights) {
  const double mean = mean_of(weights);
  return network_of(
      [mean](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
        for (int64_t i = 0; i < x.images(); ++i) {
          const auto index = static_cast<double>(timesteps[static_cast<size_t>(i)].index);
          const auto factor = static_cast<float>(std::tanh(mean + index / 1000.0));
          const auto in = x.image(i);
          const auto out = output.image(i);
          for (size_t k = 0; k < out.size(); ++k) out[k] = k < in.size() ? factor * in[k] : 0.0F;
        }
      });
}

class ToyLearner : public Learner {
 public:
  ToyLearner(const TrainConfig& config, const UNetConfig& unet)
      : config_(config), unet_(unet), progress_(config) {
    const std::vector<NamedShape> parameters = unet_parameters(unet);
    const std::vector<InitialValues> initial = initial_values(unet);
    for (size_t k = 0; k < parameters.size(); ++k) {
      std::vector<float> elements(static_cast<size_t>(parameters[k].count()));
      values(ArraySet::kFirstMoment).emplace_back(elements.size(), 0.0F);
      fill_initial_values(initial[k], static_cast<uint64_t>(config.seed), k, elements);
      values(ArraySet::kRaw).push_back(std::move(elements));
    }
    values(ArraySet::kEma) = values(ArraySet::kRaw);
    values(ArraySet::kSecondMoment) = values(ArraySet::kFirstMoment);
  }

  const TrainConfig& config() const override { return config_; }
  const UNetConfig& network_config() const override { return unet_; }

  StepReport step(ConstBatchView x0, int64_t first_sample) override {
    const LearnerProgress::Begun begun = progress_.begin(first_sample, x0.images());
    StepReport report = begun.report;
    const double w = mean_of(values(ArraySet::kRaw));
    double gradient = 0.0;
    for (int64_t i = 0; i < x0.images(); ++i) {
      const auto row = static_cast<size_t>(i);
      const auto image = x0.image(i);
      const double mean =
          std::accumulate(image.begin(), image.end(), 0.0) / static_cast<double>(image.size());
      const auto sample = static_cast<uint64_t>(first_sample + i);
      const double apart = mean + uniform({seed(), Purpose::kTrainingNoise, sample}) - w;
      const double factor =
          1.0 + static_cast<double>(report.t[row]) / static_cast<double>(config_.T);
      const double weight = begun.weights.empty() ? 1.0 : begun.weights[row];
      report.image_losses.push_back(factor * apart * apart);
      report.loss += weight * report.image_losses.back() / static_cast<double>(x0.images());
      gradient -= 2.0 * weight * factor * apart / static_cast<double>(x0.images());
    }
    if (std::isfinite(report.loss)) report.gradient_norm = std::abs(gradient);
    if (progress_.end(report)) {
      update(gradient * gradient_scale(config_, report.gradient_norm), report);
    }
    return report;
  }

  LearnerCounters counters() const override { return progress_.counters(); }
  CarriedNumbers carried() const override { return progress_.carried(); }
  void restore(const LearnerCounters& counters, const CarriedNumbers& carried) override {
    progress_.restore(counters, carried);
  }

  ParameterArrays arrays(ArraySet set) const override { return views_of(values(set)); }

  void put_array(ArraySet set, size_t k, std::span<const float> elements) override {
    DDPM_CHECK(k < values(set).size() && elements.size() == values(set)[k].size(),
               "learner: expected an array of the network, got number ", k, " of ", elements.size(),
               " elements");
    std::ranges::copy(elements, values(set)[k].begin());
  }

  NetworkPointer network(WeightSet weights) const override {
    return toy_network_of(values(weights == WeightSet::kRaw ? ArraySet::kRaw : ArraySet::kEma));
  }

 private:
  uint64_t seed() const { return static_cast<uint64_t>(config_.seed); }

  static size_t index_of(ArraySet set) { return static_cast<size_t>(set); }
  ParameterValues& values(ArraySet set) { return values_[index_of(set)]; }
  const ParameterValues& values(ArraySet set) const { return values_[index_of(set)]; }

  // Adam and the averages, element by element.
  void update(double gradient, const StepReport& report) {
    const auto n = static_cast<double>(progress_.counters().optimizer_updates);
    const double b1 = config_.adam_beta1, b2 = config_.adam_beta2;
    const double scale1 = 1.0 - std::pow(b1, n), scale2 = 1.0 - std::pow(b2, n);
    const size_t parameters = values(ArraySet::kRaw).size();
    for (size_t k = 0; k < parameters; ++k) {
      std::vector<float>& raw = values(ArraySet::kRaw)[k];
      std::vector<float>& ema = values(ArraySet::kEma)[k];
      std::vector<float>& first = values(ArraySet::kFirstMoment)[k];
      std::vector<float>& second = values(ArraySet::kSecondMoment)[k];
      for (size_t i = 0; i < raw.size(); ++i) {
        const double m = b1 * first[i] + (1.0 - b1) * gradient;
        const double v = b2 * second[i] + (1.0 - b2) * gradient * gradient;
        const double w = raw[i] - report.learning_rate * (m / scale1) /
                                      (std::sqrt(v / scale2) + config_.adam_epsilon);
        const double s = report.ema_decay * ema[i] + (1.0 - report.ema_decay) * w;
        first[i] = static_cast<float>(m);
        second[i] = static_cast<float>(v);
        raw[i] = static_cast<float>(w);
        ema[i] = static_cast<float>(s);
      }
    }
  }

  TrainConfig config_;
  UNetConfig unet_;
  LearnerProgress progress_;
  std::array<ParameterValues, 4> values_;  // by their ArraySet
};

inline LearnerFactory toy_learners() {
  return [](const TrainConfig& config, const UNetConfig& unet) {
    return std::make_unique<ToyLearner>(config, unet);
  };
}

}  // namespace ddpm
