#include "ddpm/evaluation/bound_summary.h"

#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

double mean_of(std::span<const double> values) {
  double sum = 0.0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

// The unbiased estimate, of two values or more.
double variance_of(std::span<const double> values) {
  const double mean = mean_of(values);
  double sum = 0.0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return sum / static_cast<double>(values.size() - 1);
}

// Sums over strata for each image and draw, [images, draws] each, in bits.
struct Sums {
  explicit Sums(size_t size) : steps(size), last(size), total(size), term(size), squared(size) {}

  std::vector<double> steps;    // L_{t-1} so far, from T downwards
  std::vector<double> last;     // L_0
  std::vector<double> total;    // with L_T
  std::vector<double> term;     // of the stratum at hand
  std::vector<double> squared;  // likewise
};

// L_T and the steps so far.
std::vector<double> rates_of(const Sums& sums, std::span<const double> priors, int64_t draws) {
  std::vector<double> rates(sums.steps);
  for (size_t i = 0; i < rates.size(); ++i) {
    rates[i] += priors[i / static_cast<size_t>(draws)] / kNatsPerBit;
  }
  return rates;
}

}  // namespace

Estimate estimate_of(std::span<const double> values, int64_t draws) {
  DDPM_CHECK(draws >= 1 && !values.empty() && std::ssize(values) % draws == 0,
             "estimate: wanted values of whole images of ", draws, " draws, got ", values.size());
  const auto per_image = static_cast<size_t>(draws);
  std::vector<double> means;
  double variances = 0.0;
  for (size_t i = 0; i < values.size(); i += per_image) {
    const auto of_image = values.subspan(i, per_image);
    means.push_back(mean_of(of_image));
    if (draws > 1) variances += variance_of(of_image) / static_cast<double>(draws);
  }
  const auto images = static_cast<double>(means.size());
  Estimate estimate{.mean = mean_of(means), .images_error = {}, .noise_error = {}};
  if (means.size() > 1) estimate.images_error = std::sqrt(variance_of(means) / images);
  if (draws > 1) estimate.noise_error = std::sqrt(variances) / images;
  return estimate;
}

double BoundRow::distortion() const { return kBytesInOne * std::sqrt(squared.mean); }

std::optional<double> BoundRow::distortion_error() const {
  if (!squared.images_error || squared.mean <= 0.0) return std::nullopt;
  return kBytesInOne * *squared.images_error / (2.0 * std::sqrt(squared.mean));
}

BoundSummary summarise(const BoundPlan& plan, int64_t draws, std::span<const BoundTerm> terms,
                       std::span<const double> priors) {
  const size_t strata = plan.strata.size();
  const size_t size = priors.size() * static_cast<size_t>(draws);
  DDPM_CHECK(size > 0 && terms.size() == size * strata, "bound: wanted ", size * strata,
             " terms of ", priors.size(), " images, got ", terms.size());
  BoundSummary summary{.images = std::ssize(priors),
                       .draws = draws,
                       .evaluated = std::ssize(terms),
                       .parts = plan.steps() + 1,
                       .prior = {},
                       .steps = {},
                       .last = {},
                       .total = {},
                       .rows = {}};
  Sums sums(size);
  for (size_t stratum = 0; stratum < strata; ++stratum) {
    const auto [first, count] = plan.strata[stratum];
    BoundRow row{.t = plan.times[static_cast<size_t>(first)],
                 .s = plan.times[static_cast<size_t>(first + count)],
                 .steps = count,
                 .term = {},
                 .squared = {},
                 .rate = estimate_of(rates_of(sums, priors, draws), draws)};
    for (size_t i = 0; i < size; ++i) {
      const BoundTerm& term = terms[i * strata + stratum];
      sums.term[i] = term.nats / kNatsPerBit;
      sums.squared[i] = term.squared_error;
      double& sum = row.s == 0 ? sums.last[i] : sums.steps[i];
      sum += static_cast<double>(count) * sums.term[i];
    }
    row.term = estimate_of(sums.term, draws);
    row.squared = estimate_of(sums.squared, draws);
    summary.rows.push_back(row);
  }
  sums.total = rates_of(sums, priors, draws);
  for (size_t i = 0; i < size; ++i) sums.total[i] += sums.last[i];
  summary.prior = estimate_of(priors, 1);
  summary.prior.mean /= kNatsPerBit;
  if (summary.prior.images_error) *summary.prior.images_error /= kNatsPerBit;
  summary.steps = estimate_of(sums.steps, draws);
  summary.last = estimate_of(sums.last, draws);
  summary.total = estimate_of(sums.total, draws);
  return summary;
}

}  // namespace ddpm
