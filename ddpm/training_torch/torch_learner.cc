#include "ddpm/training_torch/torch_learner.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/models/autocast.h"
#include "ddpm/models/torch_network.h"
#include "ddpm/tensor/convert.h"

namespace ddpm {

namespace {

std::unique_ptr<UNet> fresh_network(const TrainConfig& config, const UNetConfig& unet,
                                    at::Device device) {
  auto network = std::make_unique<UNet>(unet);
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

TorchLearner::TorchLearner(const TrainConfig& config, const UNetConfig& unet, at::Device device)
    : config_(config),
      progress_(config),
      objective_(config),
      device_(device),
      network_(fresh_network(config, unet, device)),
      weights_(trainable(*network_)),
      adam_(weights_, adam_options(config)),
      ema_(weights_) {}

Tensor TorchLearner::predict(const NoisyBatch& noisy, int64_t first_sample) const {
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

StepReport TorchLearner::step(ConstBatchView x0, int64_t first_sample) {
  const auto seed = static_cast<uint64_t>(config_.seed);
  const LearnerProgress::Begun begun = progress_.begin(first_sample, x0.images());
  StepReport report = begun.report;
  const NoisyBatch noisy = make_noisy_batch(objective_.schedule(), objective_.prediction(), seed,
                                            first_sample, x0, report.t);

  for (Tensor& weight : weights_) weight.mutable_grad().reset();
  const Tensor output = predict(noisy, first_sample);
  const Tensor image_losses = objective_.losses(output, noisy, x0);
  const Tensor loss = begun.weights.empty()
                          ? image_losses.mean()
                          : (image_losses * to_float_tensor(begun.weights, device_)).mean();
  report.image_losses = to_doubles(image_losses);
  report.loss = loss.item<double>();
  if (std::isfinite(report.loss)) {
    loss.backward();
    report.gradient_norm = global_norm(gradients_of(weights_));
  }
  if (progress_.end(report)) update(report);
  return report;
}

void TorchLearner::update(const StepReport& report) {
  const double scale = gradient_scale(config_, report.gradient_norm);
  if (scale != 1.0) at::_foreach_mul_(gradients_of(weights_), scale);
  adam_.step(report.learning_rate);
  ema_.update(weights_, report.ema_decay);
}

void TorchLearner::restore(const LearnerCounters& counters, const CarriedNumbers& carried) {
  progress_.restore(counters, carried);
  adam_.restore(counters.optimizer_updates);
}

const std::vector<Tensor>& TorchLearner::tensors(ArraySet set) const {
  switch (set) {
    case ArraySet::kEma:
      return ema_.averages();
    case ArraySet::kRaw:
      return weights_;
    case ArraySet::kFirstMoment:
      return adam_.first_moments();
    case ArraySet::kSecondMoment:
      break;
  }
  return adam_.second_moments();
}

ParameterArrays TorchLearner::arrays(ArraySet set) const {
  const std::vector<Tensor>& all = tensors(set);
  return {all.size(), [&all](size_t k, const ParameterArrays::Take& take) {
            const Tensor host = all[k].detach().to(at::kCPU, at::kFloat).contiguous();
            take({host.const_data_ptr<float>(), static_cast<size_t>(host.numel())});
          }};
}

// Into a tensor of any device and memory order.
void TorchLearner::put_array(ArraySet set, size_t k, std::span<const float> values) {
  const std::vector<Tensor>& all = tensors(set);
  DDPM_CHECK(k < all.size(), "learner: expected a parameter below ", all.size(), ", got ", k);
  DDPM_CHECK(all[k].numel() == std::ssize(values), "learner: expected ", all[k].numel(),
             " elements of parameter ", k, ", got ", values.size());
  const at::NoGradGuard no_grad;
  Tensor host = at::empty(all[k].sizes(), at::kFloat);
  std::copy(values.begin(), values.end(), host.mutable_data_ptr<float>());
  all[k].detach().copy_(host);
}

NetworkPointer TorchLearner::network(WeightSet weights) const {
  const at::NoGradGuard no_grad;
  auto network = std::make_shared<UNet>(network_config());
  network->to(device_);
  const std::vector<Tensor>& values = weights == WeightSet::kRaw ? weights_ : ema_.averages();
  const auto& parameters = network->parameters().all();
  for (size_t i = 0; i < values.size(); ++i) parameters[i].value.detach().copy_(values[i]);
  return make_torch_network(network, device_, Precision::kFloat32);
}

LearnerFactory torch_learners(at::Device device) {
  return [device](const TrainConfig& config, const UNetConfig& unet) {
    return std::make_unique<TorchLearner>(config, unet, device);
  };
}

}  // namespace ddpm
