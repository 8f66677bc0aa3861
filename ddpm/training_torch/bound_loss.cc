#include "ddpm/training_torch/bound_loss.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/tensor/convert.h"

namespace ddpm {

namespace {

constexpr double kEnd = 0.999;  // beyond it lies the first or the last byte alone

// One number an image, to be multiplied with [N, C, H, W].
template <typename NumberOf>
Tensor column(const BoundInputs& inputs, NumberOf number_of) {
  std::vector<double> numbers;
  for (const int64_t t : inputs.t) numbers.push_back(number_of(t));
  return to_float_tensor(numbers, inputs.prediction.device()).view({-1, 1, 1, 1});
}

// ln(Phi(above) - Phi(below)) of float64 tensors with above > below. In the upper tail, where both
// are near 1, the same is asked of the lower one, so that the difference keeps its digits.
Tensor log_mass(const Tensor& below, const Tensor& above) {
  const Tensor upper = (below + above) > 0;
  const Tensor low = at::special_log_ndtr(at::where(upper, -above, below));
  const Tensor high = at::special_log_ndtr(at::where(upper, -below, above));
  return high + at::log(-at::expm1(low - high));
}

// These images of a batch, on the device, in float64.
Tensor images_of(ConstBatchView batch, const std::vector<int64_t>& images, at::Device device) {
  std::vector<Tensor> some;
  for (const int64_t i : images) some.push_back(to_tensor(batch.slice(i, 1), device));
  return at::cat(some).to(at::kDouble);
}

}  // namespace

BoundLoss::BoundLoss(const Schedule& schedule, Prediction prediction, Variance variance)
    : variance_(variance), T_(schedule.steps()), decoder_(decoder_of(schedule, prediction)) {
  check_bound(schedule, "loss");
  divergence_.resize(static_cast<size_t>(T_ + 1));
  for (int64_t t = 2; t <= T_; ++t) {
    divergence_[static_cast<size_t>(t)] = divergence_at(schedule, prediction, t);
  }
}

BoundLoss::Coefficients BoundLoss::divergence_at(const Schedule& schedule, Prediction prediction,
                                                 int64_t t) const {
  if (schedule.beta(t) == 0.0) return {0.0, 0.0, 0.0};
  const Posterior q = schedule.posterior(t);
  const double error = q.x0_weight * output_weights(prediction, schedule, t).x0_output;
  const double log_beta_tilde = std::log(q.variance);
  Coefficients at{0.5 * error * error / q.variance, 0.0, 0.0};
  if (!is_learned(variance_)) {
    at.log_ratio = fixed_log_variance(variance_, schedule, t) - log_beta_tilde;
  } else {
    const LearnedLogVariance learned(variance_, schedule, t - 1, t);
    at.log_ratio = learned.at(0.0) - log_beta_tilde;
    at.log_slope = learned.at(1.0) - learned.at(0.0);
  }
  return at;
}

BoundLoss::Decoder BoundLoss::decoder_of(const Schedule& schedule, Prediction prediction) const {
  const OutputWeights output = output_weights(prediction, schedule, 1);
  if (!is_learned(variance_)) {
    return {output.x0_xt, output.x0_output, fixed_log_variance(variance_, schedule, 1), 0.0};
  }
  const LearnedLogVariance learned(variance_, schedule, 0, 1);
  return {output.x0_xt, output.x0_output, learned.at(0.0), learned.at(1.0) - learned.at(0.0)};
}

// KL = (e^-d - 1 + d) / 2 + w e^-d error^2 with d = ln sigma^2 - ln beta_tilde: [DDPM] eq. 5. At t
// = 1 it is of no meaning and 0.
Tensor BoundLoss::divergences(const BoundInputs& inputs) const {
  const auto of = [&](double Coefficients::*member) {
    return column(inputs, [&](int64_t t) { return divergence_[static_cast<size_t>(t)].*member; });
  };
  Tensor d = of(&Coefficients::log_ratio);
  if (is_learned(variance_)) {
    d = d + of(&Coefficients::log_slope) * inputs.variance_output.to(at::kFloat);
  }
  const Tensor error = inputs.target - inputs.prediction.to(at::kFloat);
  const Tensor weight = of(&Coefficients::error_weight);
  const Tensor terms = 0.5 * (at::expm1(-d) + d) + weight * at::exp(-d) * error.square();
  return terms.flatten(1).mean(1);
}

// -ln p(x_0 | x_1) of the images whose t is 1: [DDPM] eq. 13.
Tensor BoundLoss::decoder_losses(const BoundInputs& inputs,
                                 const std::vector<int64_t>& images) const {
  const at::Device device = inputs.prediction.device();
  const Tensor rows = to_tensor(images, device);
  const auto chosen = [&](const Tensor& of_all) {
    return of_all.index_select(0, rows).to(at::kDouble);
  };
  const Tensor x0 = images_of(inputs.x0, images, device);
  const Tensor mean = decoder_.x0_xt * images_of(inputs.x_t, images, device) +
                      decoder_.x0_output * chosen(inputs.prediction);
  Tensor log_variance = at::full_like(x0, decoder_.log_variance);
  if (is_learned(variance_)) {
    log_variance = log_variance + decoder_.log_slope * chosen(inputs.variance_output);
  }
  const Tensor sigma = at::exp(0.5 * log_variance);
  const Tensor below = (x0 - mean - kHalfBin) / sigma;
  const Tensor above = (x0 - mean + kHalfBin) / sigma;
  const Tensor inside = log_mass(below, above);
  const Tensor mass = at::where(x0 < -kEnd, at::special_log_ndtr(above),
                                at::where(x0 > kEnd, at::special_log_ndtr(-below), inside));
  return -mass.flatten(1).mean(1).to(at::kFloat);
}

Tensor BoundLoss::operator()(const BoundInputs& inputs) const {
  std::vector<int64_t> of_decoder;
  for (size_t i = 0; i < inputs.t.size(); ++i) {
    if (inputs.t[i] == 1) of_decoder.push_back(static_cast<int64_t>(i));
  }
  Tensor nats = divergences(inputs);
  if (!of_decoder.empty()) {
    const Tensor rows = to_tensor(of_decoder, nats.device());
    nats = nats.index_add(0, rows, decoder_losses(inputs, of_decoder));
  }
  return nats * (static_cast<double>(T_) / kNatsPerBit);
}

}  // namespace ddpm
