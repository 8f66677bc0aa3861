#include "ddpm/training_torch/trainer.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/models/autocast.h"
#include "ddpm/tensor/convert.h"

namespace ddpm {

namespace {

constexpr const char* kHistoryLosses = "loss_history";
constexpr const char* kHistoryCounts = "loss_history_counts";

const TrainConfig& checked(const TrainConfig& config) {
  check_train_config(config, "trainer");
  return config;
}

std::shared_ptr<UNet> fresh_network(const TrainConfig& config, const UNetConfig& unet,
                                    at::Device device) {
  auto network = std::make_shared<UNet>(unet);
  network->initialise(static_cast<uint64_t>(config.seed));
  network->to(device);
  return network;
}

std::vector<Tensor> trainable(UNet& network) {
  std::vector<Tensor> weights;
  for (const NamedTensor& parameter : network.parameters().all()) {
    weights.push_back(parameter.value);
    weights.back().requires_grad_(true);
  }
  return weights;
}

AdamOptions adam_options(const TrainConfig& config) {
  return {.beta1 = config.adam_beta1, .beta2 = config.adam_beta2, .epsilon = config.adam_epsilon};
}

std::vector<Tensor> gradients_of(const std::vector<Tensor>& weights) {
  std::vector<Tensor> gradients;
  for (const Tensor& weight : weights) gradients.push_back(weight.grad());
  return gradients;
}

double global_norm(const std::vector<Tensor>& gradients) {
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients)), 2).item<double>();
}

}  // namespace

Trainer::Trainer(const TrainConfig& config, const UNetConfig& unet, at::Device device)
    : config_(checked(config)),
      objective_(config_),
      device_(device),
      network_(fresh_network(config, unet, device)),
      weights_(trainable(*network_)),
      adam_(weights_, adam_options(config)),
      ema_(weights_, config.ema_rule, config.ema_decay) {
  if (config.timestep_sampling == TimestepSampling::kImportance) history_.emplace(config.T);
}

TrainingTimes Trainer::draw_times(int64_t first_sample, int64_t count) const {
  const auto seed = static_cast<uint64_t>(config_.seed);
  if (history_) return important_times(*history_, seed, first_sample, count);
  TrainingTimes times;
  for (int64_t i = 0; i < count; ++i) {
    times.t.push_back(training_time(config_.timestep_sampling, seed, first_sample + i, config_.T));
  }
  return times;
}

Tensor Trainer::predict(const NoisyBatch& noisy, int64_t first_sample) const {
  std::optional<DropoutKey> dropout;
  if (network_->config().dropout > 0.0) {
    dropout = DropoutKey{static_cast<uint64_t>(config_.seed), first_sample};
  }
  const Tensor x_t = to_tensor(noisy.x_t, device_);
  std::vector<int64_t> indices;
  for (const int64_t t : noisy.t) indices.push_back(timestep_of(t, config_.T).index);
  const Tensor timesteps = to_tensor(indices, device_);
  std::optional<AutocastBFloat16> autocast;
  if (config_.precision == Precision::kBFloat16) autocast.emplace(device_.type());
  return network_->forward(x_t, timesteps, {.dropout = dropout});
}

StepReport Trainer::step(ConstBatchView x0, int64_t first_sample) {
  const auto seed = static_cast<uint64_t>(config_.seed);
  const TrainingTimes times = draw_times(first_sample, x0.images());
  const NoisyBatch noisy = make_noisy_batch(objective_.schedule(), objective_.prediction(), seed,
                                            first_sample, x0, times.t);
  StepReport report;
  report.t = noisy.t;
  report.step = steps_done_ + 1;
  report.learning_rate = learning_rate_at(config_, steps_done_);
  report.ema_decay = ema_.next_decay();

  for (Tensor& weight : weights_) weight.mutable_grad().reset();
  const Tensor output = predict(noisy, first_sample);
  const Tensor image_losses = objective_.losses(output, noisy, x0);
  const Tensor loss = times.weights.empty()
                          ? image_losses.mean()
                          : (image_losses * to_float_tensor(times.weights, device_)).mean();
  report.image_losses = to_doubles(image_losses);
  report.loss = loss.item<double>();
  if (std::isfinite(report.loss)) {
    loss.backward();
    report.gradient_norm = global_norm(gradients_of(weights_));
  } else {
    report.not_finite = "loss";
  }
  update(report);
  if (history_) remember_losses(report);
  return report;
}

void Trainer::remember_losses(const StepReport& report) {
  const auto is_finite = [](double loss) { return std::isfinite(loss); };
  if (!std::all_of(report.image_losses.begin(), report.image_losses.end(), is_finite)) return;
  for (size_t i = 0; i < report.t.size(); ++i) history_->add(report.t[i], report.image_losses[i]);
}

void Trainer::update(StepReport& report) {
  ++steps_done_;
  if (report.not_finite.empty() && !std::isfinite(report.gradient_norm)) {
    report.not_finite = "gradient";
  }
  if (!report.not_finite.empty()) {
    ++skipped_;
    ++bad_in_a_row_;
    return;
  }
  bad_in_a_row_ = 0;
  if (config_.gradient_clip > 0.0 && report.gradient_norm > config_.gradient_clip) {
    at::_foreach_mul_(gradients_of(weights_), config_.gradient_clip / report.gradient_norm);
  }
  adam_.step(report.learning_rate);
  ema_.update(weights_);
}

std::map<std::string, std::vector<double>> Trainer::carried() const {
  if (!history_) return {};
  return {{kHistoryLosses, history_->losses()}, {kHistoryCounts, history_->counts()}};
}

void Trainer::restore(int64_t steps_done, int64_t skipped, int64_t bad_in_a_row,
                      const std::map<std::string, std::vector<double>>& carried) {
  if (history_) {
    const auto losses = carried.find(kHistoryLosses);
    const auto counts = carried.find(kHistoryCounts);
    if (losses == carried.end() || counts == carried.end()) {
      throw FormatError("resume: the checkpoint has no losses to draw times by");
    }
    history_->restore(losses->second, counts->second);
  }
  steps_done_ = steps_done;
  skipped_ = skipped;
  bad_in_a_row_ = bad_in_a_row;
}

}  // namespace ddpm
