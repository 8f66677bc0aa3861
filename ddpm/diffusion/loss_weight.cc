#include "ddpm/diffusion/loss_weight.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"

namespace ddpm {

namespace {

// Where a weight is computed.
struct Point {
  const LossWeightOptions& options;
  const OutputWeights& output;
  Variance variance;
  const Schedule& schedule;
  int64_t t;
};

// A weight that depends on the SNR alone.
//   x0     of |x_0 - predicted x_0|^2, for an SNR of at most 1
//   eps    of |eps - predicted eps|^2, for an SNR above 1, from 1 / SNR: x0 divided by SNR
//   clean  the limit of x0 for an SNR without bound; 0 where there is none, because an image that
//   is
//          known already needs no training
template <typename X0, typename Eps>
double by_snr(const Point& point, X0 x0, Eps eps, double clean) {
  const NoiseLevel level = point.schedule.level(point.t);
  const OutputWeights& output = point.output;
  if (level.signal <= level.sigma) {
    const double root = level.signal / level.sigma;
    return x0(root * root) * output.x0_output * output.x0_output;
  }
  if (level.is_clean() && output.x0_output == 1.0) return clean;
  const double root = level.sigma / level.signal;
  return eps(root * root) * output.eps_output * output.eps_output;
}

double none(const Point&) { return 1.0; }

double variational(const Point& point) {
  const Schedule& schedule = point.schedule;
  const int64_t t = point.t;
  const double error = schedule.posterior(t).x0_weight * point.output.x0_output;  // of the mean
  // a step in which nothing happens, or an image that is known already
  if (error == 0.0 || schedule.beta(t) == 0.0 || schedule.level(t).is_clean()) return 0.0;
  const double log_variance = fixed_log_variance(point.variance, schedule, t);
  return 0.5 * error * error * std::exp(-log_variance);  // [DDPM] eq. 12
}

double snr_itself(const Point& point) {
  return by_snr(
      point, [](double snr) { return snr; }, [](double) { return 1.0; }, 0.0);
}

double truncated_snr(const Point& point) {
  const auto at_least_one = [](double ratio) { return std::max(ratio, 1.0); };
  return by_snr(point, at_least_one, at_least_one, 0.0);
}

double min_snr(const Point& point) {
  const double gamma = point.options.min_snr_gamma;
  return by_snr(
      point, [gamma](double snr) { return std::min(snr, gamma); },
      [gamma](double inverse_snr) { return std::min(1.0, gamma * inverse_snr); }, gamma);
}

double p2(const Point& point) {
  const double gamma = point.options.p2_gamma;
  const double k = point.options.p2_k;
  return by_snr(
      point, [=](double snr) { return snr / std::pow(k + snr, gamma); },
      [=](double inverse_snr) { return std::pow(k + 1.0 / inverse_snr, -gamma); },
      gamma == 1.0 ? 1.0 : 0.0);
}

// One row per weight; everything else that depends on the kind reads it. A new weight is an
// enumerator, a function of a Point and a row; if it has a parameter, also a member of
// LossWeightOptions and a field of the training configuration.
struct Row {
  LossWeight weight;
  std::string_view name;
  bool needs_fixed_variance;
  double (*at)(const Point&);
};
constexpr std::array<Row, 6> kRows = {{
    {LossWeight::kNone, "none", false, none},
    {LossWeight::kVariational, "variational", true, variational},
    {LossWeight::kSnr, "snr", false, snr_itself},
    {LossWeight::kTruncatedSnr, "truncated_snr", false, truncated_snr},
    {LossWeight::kMinSnr, "min_snr", false, min_snr},
    {LossWeight::kP2, "p2", false, p2},
}};

const Row& row_of(LossWeight weight) {
  for (const Row& row : kRows) {
    if (row.weight == weight) return row;
  }
  throw std::logic_error("loss weight: an unknown kind");
}

}  // namespace

std::string to_string(LossWeight weight) { return std::string(row_of(weight).name); }

bool needs_fixed_variance(LossWeight weight) { return row_of(weight).needs_fixed_variance; }

LossWeight loss_weight_from(std::string_view name) {
  std::array<Named<LossWeight>, kRows.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = {kRows[i].weight, kRows[i].name};
  return value_named(names, "loss weight", name);
}

const std::vector<LossWeight>& all_loss_weights() {
  static const std::vector<LossWeight> all = [] {
    std::vector<LossWeight> list;
    for (const Row& row : kRows) list.push_back(row.weight);
    return list;
  }();
  return all;
}

double loss_weight(const LossWeightOptions& options, Prediction prediction, Variance variance,
                   const Schedule& schedule, int64_t t) {
  DDPM_CHECK(options.min_snr_gamma > 0.0 && options.p2_gamma >= 0.0 && options.p2_k > 0.0,
             "loss weight: wanted min_snr_gamma and p2_k above 0 and p2_gamma at least 0, got ",
             options.min_snr_gamma, ", ", options.p2_k, " and ", options.p2_gamma);
  const OutputWeights output = output_weights(prediction, schedule, t);
  const double weight = row_of(options.kind).at({options, output, variance, schedule, t});
  DDPM_CHECK(std::isfinite(static_cast<float>(weight)), "loss weight: expected one that float32 ",
             "can hold, got ", weight, " of ", to_string(options.kind), " at t = ", t,
             ", where beta is ", schedule.beta(t));
  return weight;
}

}  // namespace ddpm
