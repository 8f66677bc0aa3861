#include "ddpm/diffusion/reverse_variance.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"

namespace ddpm {

namespace {

constexpr std::array<Named<Variance>, 4> kVariances = {
    {{Variance::kFixedLarge, "fixed_large"},
     {Variance::kFixedSmall, "fixed_small"},
     {Variance::kLearned, "learned"},
     {Variance::kLearnedRange, "learned_range"}}};

// The last time up to t whose own step is not idle; at least 1.
int64_t last_change(const Schedule& schedule, int64_t t) {
  while (t > 1 && is_idle_step(schedule.level(t), schedule.level(t - 1))) --t;
  return t;
}

}  // namespace

std::string to_string(Variance variance) { return name_of(kVariances, variance); }

Variance variance_from(std::string_view name) { return value_named(kVariances, "variance", name); }

const std::vector<Variance>& all_variances() {
  static const std::vector<Variance> all = {Variance::kFixedLarge, Variance::kFixedSmall,
                                            Variance::kLearned, Variance::kLearnedRange};
  return all;
}

bool is_learned(Variance variance) {
  return variance == Variance::kLearned || variance == Variance::kLearnedRange;
}

LogVarianceRange log_variance_range(const Schedule& schedule, int64_t s, int64_t t) {
  const double upper = std::log(schedule.transition(s, t).variance);
  if (s > 0 && !std::isfinite(upper)) return {upper, upper};
  const double variance = schedule.posterior(s, t).variance;
  if (variance > 0.0) return {std::log(variance), upper};
  for (int64_t r = 2; r <= schedule.steps(); ++r) {
    const double beta_tilde = schedule.posterior(r).variance;
    const double lower = std::log(beta_tilde);
    const bool is_idle = is_idle_step(schedule.level(r), schedule.level(r - 1));
    if (beta_tilde > 0.0 && !is_idle) return {lower, std::isfinite(upper) ? upper : lower};
  }
  return {upper, upper};
}

LearnedLogVariance::LearnedLogVariance(Variance variance, const Schedule& schedule, int64_t s,
                                       int64_t t)
    : variance_(variance), step_(log_variance_range(schedule, s, t)) {
  DDPM_CHECK(is_learned(variance), "variance: expected a learned one, got ", to_string(variance));
  const int64_t change = s < t - 1 ? std::max(last_change(schedule, t), s + 1) : t;
  one_ = log_variance_range(schedule, change - 1, change);
  is_one_ =
      s == change - 1 || (s > 0 && is_idle_step(schedule.level(change - 1), schedule.level(s)));
}

LearnedLogVariance::LearnedLogVariance(LogVarianceRange ends)
    : variance_(Variance::kLearnedRange), step_(ends) {}

LearnedLogVariance LearnedLogVariance::of_plain_output() {
  LearnedLogVariance plain(LogVarianceRange{0.0, 0.0});
  plain.is_plain_ = true;
  return plain;
}

double LearnedLogVariance::at(double output) const {
  if (is_plain_) return std::log(output);
  if (std::isnan(output) || !std::isfinite(step_.upper)) return output + step_.upper;
  if (variance_ == Variance::kLearnedRange) return step_.at(output);
  if (is_one_) return output;
  const double room = one_.upper - one_.lower;
  const double place = room > 0.0 ? std::clamp((output - one_.lower) / room, 0.0, 1.0) : 1.0;
  return step_.at(2.0 * place - 1.0);
}

double fixed_log_variance(Variance variance, const Schedule& schedule, int64_t t) {
  DDPM_CHECK(!is_learned(variance), "variance: expected a fixed one, got ", to_string(variance));
  const LogVarianceRange range = log_variance_range(schedule, t - 1, t);
  return variance == Variance::kFixedLarge && t > 1 ? range.upper : range.lower;
}

}  // namespace ddpm
