#include "ddpm/evaluation/bound_evaluator.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/diffusion/gaussian.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

// Two numbers of 32 bits as a step of a stream.
uint64_t joined(int64_t high, int64_t low) {
  return static_cast<uint64_t>(high) << 32U | static_cast<uint64_t>(low);
}

double density_term(std::span<const float> x0, const ReverseStep& model) {
  double sum = 0.0;
  for (size_t i = 0; i < x0.size(); ++i) {
    const double log_variance = model.log_variance[model.log_variance.size() == 1 ? 0 : i];
    const double apart = x0[i] - model.predicted_x0[i];
    sum += 0.5 * (kLogTwoPi + log_variance + apart * apart * std::exp(-log_variance));
  }
  return sum / static_cast<double>(x0.size());
}

double mean_square(std::span<const float> a, std::span<const double> b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

}  // namespace

BoundEvaluator::BoundEvaluator(NoisePredictor predictor, BoundOptions options)
    : predictor_(std::move(predictor)),
      options_(std::move(options)),
      chain_(chain_schedule(predictor_.schedule(), options_.plan.times)) {
  check_times(options_.plan.times, predictor_.schedule().steps());
  check_prediction(predictor_.prediction(), predictor_.schedule(), "bound");
  check_bound(chain_, "bound");
  if (!options_.clip_x0) {
    check_unbounded_prediction(predictor_.prediction(), predictor_.schedule(), "bound");
  }
  DDPM_CHECK(options_.draws >= 1, "bound: wanted at least one draw, got ", options_.draws);
  DDPM_CHECK(!is_learned(options_.variance) || predictor_.learned_variance(),
             "bound: the variance ", to_string(options_.variance),
             " wants a network that learned one, and this one did not");
}

TermIndex BoundEvaluator::index_of(int64_t number) const {
  return {.image = number / terms_per_image(),
          .draw = number % terms_per_image() / strata(),
          .stratum = number % strata()};
}

int64_t BoundEvaluator::step_of(const TermIndex& index) const {
  const Stratum& stratum = options_.plan.strata[static_cast<size_t>(index.stratum)];
  if (stratum.count == 1) return stratum.first;
  const Stream stream{options_.seed, Purpose::kBoundTime, static_cast<uint64_t>(index.image),
                      joined(index.draw, index.stratum)};
  return stratum.first + static_cast<int64_t>(below(stream, static_cast<uint64_t>(stratum.count)));
}

double BoundEvaluator::prior(std::span<const float> x0) const { return prior_term(chain_, x0); }

std::vector<double> BoundEvaluator::log_variances(int64_t step,
                                                  std::span<const float> output) const {
  const int64_t j = options_.plan.steps() - step;  // the step's number in the chain, from 0 upwards
  if (!is_learned(options_.variance)) return {fixed_log_variance(options_.variance, chain_, j)};
  std::vector<double> logarithms;
  if (options_.variance == Variance::kLearnedRange) {
    const LogVarianceRange range = log_variance_range(chain_, j - 1, j);
    for (const float o : output) logarithms.push_back(range.at(o));
    return logarithms;
  }
  const std::vector<int64_t>& times = options_.plan.times;
  const auto k = static_cast<size_t>(step);
  const LearnedLogVariance learned(options_.variance, predictor_.schedule(), times[k + 1],
                                   times[k]);
  for (const float o : output) logarithms.push_back(learned.at(o));
  return logarithms;
}

BoundTerm BoundEvaluator::term_of(int64_t step, std::span<const float> x0,
                                  std::span<const float> predicted,
                                  std::span<const float> output) const {
  const std::vector<double> means(predicted.begin(), predicted.end());
  const std::vector<double> logarithms = log_variances(step, output);
  const ReverseStep model{.predicted_x0 = means, .log_variance = logarithms};
  const int64_t j = options_.plan.steps() - step;
  const bool density = j == 1 && options_.last_term == LastTerm::kDensity;
  return {.nats = density ? density_term(x0, model)
                          : bound_term(chain_, j, x0, model, options_.cdf),  // [DDPM] eq. 5
          .squared_error = mean_square(x0, means)};
}

BoundEvaluator::Noised BoundEvaluator::draw(const ReadImage& read, BatchShape shape,
                                            int64_t first) const {
  Noised drawn{.x0 = Batch(shape), .x_t = Batch(shape), .times = {}};
  Batch noise(shape);
  for (int64_t i = 0; i < shape.images; ++i) {
    const TermIndex index = index_of(first + i);
    if (i > 0 && index_of(first + i - 1).image == index.image) {
      std::ranges::copy(drawn.x0.image(i - 1), drawn.x0.image(i).begin());
    } else {
      read(index.image, drawn.x0.image(i));
      if (options_.last_term == LastTerm::kBytes) {
        std::ranges::for_each(drawn.x0.image(i), byte_of_x0);  // throws unless it is one
      }
    }
    const int64_t t = options_.plan.times[static_cast<size_t>(step_of(index))];
    fill_normal({options_.seed, Purpose::kBoundNoise, static_cast<uint64_t>(index.image),
                 joined(index.draw, t)},
                noise.image(i));
    drawn.times.push_back(t);
  }
  q_sample(predictor_.schedule(), drawn.x0, drawn.times, noise, drawn.x_t);
  return drawn;
}

void BoundEvaluator::evaluate(const ReadImage& read, BatchShape image, int64_t first,
                              std::span<BoundTerm> terms) const {
  image.images = std::ssize(terms);
  const Noised drawn = draw(read, image, first);
  Batch predicted(image);
  Batch eps(image);
  std::optional<Batch> output;  // of the variance
  if (is_learned(options_.variance)) output.emplace(image);
  predictor_.estimate(drawn.x_t, drawn.times, {.clip_x0 = options_.clip_x0}, predicted, eps,
                      output ? std::optional<BatchView>(*output) : std::nullopt);
  for (int64_t i = 0; i < image.images; ++i) {
    const TermIndex index = index_of(first + i);
    const std::span<const float> means = std::as_const(predicted).image(i);
    const auto second = output ? std::as_const(*output).image(i) : std::span<const float>();
    BoundTerm& term = terms[static_cast<size_t>(i)];
    const bool known = all_finite(means) && all_finite(second);
    if (known) term = term_of(step_of(index), drawn.x0.image(i), means, second);
    if (!known || !std::isfinite(term.nats)) {
      throw NotFinite(concat("bound: ", known ? "the term" : "the network's output", " of image ",
                             index.image, " at t = ", drawn.times[static_cast<size_t>(i)],
                             " is not finite"));
    }
  }
}

}  // namespace ddpm
