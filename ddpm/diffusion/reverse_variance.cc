#include "ddpm/diffusion/reverse_variance.h"

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

}  // namespace

std::string to_string(Variance variance) { return name_of(kVariances, variance); }

Variance variance_from(std::string_view name) {
  if (name == "fixed_large_log") return Variance::kFixedLarge;
  if (name == "fixed_small_log") return Variance::kFixedSmall;
  return value_named(kVariances, "variance", name);
}

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
  if (s > 0) return {std::log(schedule.posterior(s, t).variance), upper};
  for (int64_t r = 2; r <= schedule.steps(); ++r) {
    const double beta_tilde = schedule.posterior(r).variance;
    if (beta_tilde > 0.0) return {std::log(beta_tilde), upper};
  }
  return {upper, upper};
}

double fixed_log_variance(Variance variance, const Schedule& schedule, int64_t t) {
  DDPM_CHECK(!is_learned(variance), "variance: wanted a fixed one, got ", to_string(variance));
  const LogVarianceRange range = log_variance_range(schedule, t - 1, t);
  return variance == Variance::kFixedLarge && t > 1 ? range.upper : range.lower;
}

}  // namespace ddpm
