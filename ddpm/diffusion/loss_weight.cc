#include "ddpm/diffusion/loss_weight.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"

namespace ddpm {

namespace {

constexpr std::array<Named<LossWeight>, 6> kWeights = {
    {{LossWeight::kNone, "none"},
     {LossWeight::kVariational, "variational"},
     {LossWeight::kSnr, "snr"},
     {LossWeight::kTruncatedSnr, "truncated_snr"},
     {LossWeight::kMinSnr, "min_snr"},
     {LossWeight::kP2, "p2"}}};

// Of |x_0 - predicted x_0|^2, for an SNR of at most 1.
double x0_weight(const LossWeightOptions& options, double snr) {
  switch (options.kind) {
    case LossWeight::kTruncatedSnr:
      return std::max(snr, 1.0);
    case LossWeight::kMinSnr:
      return std::min(snr, options.min_snr_gamma);
    case LossWeight::kP2:
      return snr / std::pow(options.p2_k + snr, options.p2_gamma);
    default:
      return snr;
  }
}

// Of |eps - predicted eps|^2, for an SNR above 1: the same divided by SNR.
double eps_weight(const LossWeightOptions& options, double inverse_snr) {
  switch (options.kind) {
    case LossWeight::kTruncatedSnr:
      return std::max(inverse_snr, 1.0);
    case LossWeight::kMinSnr:
      return std::min(1.0, options.min_snr_gamma * inverse_snr);
    case LossWeight::kP2:
      return std::pow(options.p2_k + 1.0 / inverse_snr, -options.p2_gamma);
    default:
      return 1.0;
  }
}

// The limit of x0_weight for an SNR without bound; 0 where there is none, because an image that is
// known already needs no training.
double clean_x0_weight(const LossWeightOptions& options) {
  if (options.kind == LossWeight::kMinSnr) return options.min_snr_gamma;
  return options.kind == LossWeight::kP2 && options.p2_gamma == 1.0 ? 1.0 : 0.0;
}

double variational_weight(const LossWeightOptions& options, const OutputWeights& output,
                          const Schedule& schedule, int64_t t) {
  const double error = schedule.posterior(t).x0_weight * output.x0_output;  // of the mean
  // a step in which nothing happens, or an image that is known already
  if (error == 0.0 || schedule.beta(t) == 0.0 || schedule.level(t).is_clean()) return 0.0;
  const double log_variance = fixed_log_variance(options.variance, schedule, t);
  return 0.5 * error * error * std::exp(-log_variance);  // [DDPM] eq. 12
}

}  // namespace

std::string to_string(LossWeight weight) { return name_of(kWeights, weight); }

LossWeight loss_weight_from(std::string_view name) {
  return value_named(kWeights, "loss weight", name);
}

const std::vector<LossWeight>& all_loss_weights() {
  static const std::vector<LossWeight> all = [] {
    std::vector<LossWeight> list;
    for (const auto& row : kWeights) list.push_back(row.value);
    return list;
  }();
  return all;
}

namespace {

double unchecked_loss_weight(const LossWeightOptions& options, Prediction prediction,
                             const Schedule& schedule, int64_t t) {
  DDPM_CHECK(options.min_snr_gamma > 0.0 && options.p2_gamma >= 0.0 && options.p2_k > 0.0,
             "loss weight: wanted min_snr_gamma and p2_k above 0 and p2_gamma at least 0, got ",
             options.min_snr_gamma, ", ", options.p2_k, " and ", options.p2_gamma);
  const OutputWeights output = output_weights(prediction, schedule, t);
  if (options.kind == LossWeight::kNone) return 1.0;
  if (options.kind == LossWeight::kVariational) {
    return variational_weight(options, output, schedule, t);
  }
  const NoiseLevel level = schedule.level(t);
  if (level.signal <= level.sigma) {
    const double root = level.signal / level.sigma;
    return x0_weight(options, root * root) * output.x0_output * output.x0_output;
  }
  if (level.is_clean() && output.x0_output == 1.0) return clean_x0_weight(options);
  const double root = level.sigma / level.signal;
  return eps_weight(options, root * root) * output.eps_output * output.eps_output;
}

}  // namespace

double loss_weight(const LossWeightOptions& options, Prediction prediction,
                   const Schedule& schedule, int64_t t) {
  const double weight = unchecked_loss_weight(options, prediction, schedule, t);
  DDPM_CHECK(std::isfinite(static_cast<float>(weight)), "loss weight: expected one that float32 ",
             "can hold, got ", weight, " of ", to_string(options.kind), " at t = ", t,
             ", where beta is ", schedule.beta(t));
  return weight;
}

}  // namespace ddpm
