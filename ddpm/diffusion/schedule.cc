#include "ddpm/diffusion/schedule.h"

#include <cmath>

#include "ddpm/base/check.h"

namespace ddpm {

double NoiseLevel::lambda() const { return std::log(signal) - std::log(sigma); }

bool is_idle_step(NoiseLevel from, NoiseLevel to) {
  // Below it the difference of two lambdas is rounding; a million steps are 1e-8 apart and more.
  constexpr double kMinLambdaStep = 1e-12;
  if (from.is_clean()) return true;
  if (from.signal == 0.0) return to.signal == 0.0;
  return !to.is_clean() && to.lambda() - from.lambda() < kMinLambdaStep;
}

Schedule::Schedule(const std::vector<double>& betas) {
  const auto T = std::ssize(betas);
  DDPM_CHECK(T >= 1 && T <= kMaxSteps, "schedule: T must be in [1, ", kMaxSteps, "], got ", T);
  beta_ = {0.0};
  alpha_bar_ = {1.0};
  variance_ = {0.0};
  bool erased = false;
  for (size_t t = 1; t <= betas.size(); ++t) {
    DDPM_CHECK(betas[t - 1] >= 0.0 && betas[t - 1] <= 1.0, "schedule: beta_", t,
               " must be in [0, 1], got ", betas[t - 1]);
    const double beta = std::isnormal(betas[t - 1]) ? betas[t - 1] : 0.0;
    beta_.push_back(beta);
    alpha_bar_.push_back((1.0 - beta) * alpha_bar_.back());
    // Not 1 - alpha_bar, which for small t has lost its last digits.
    variance_.push_back(beta + (1.0 - beta) * variance_.back());
    erased = erased || beta == 1.0;
    DDPM_CHECK(erased || std::isnormal(alpha_bar_.back()),
               "schedule: alpha_bar must stay above 2.2e-308, got ", alpha_bar_.back(),
               " at t = ", t, ": the betas are too large for so many steps");
  }
}

double Schedule::beta(int64_t t) const {
  check_time(t, 1);
  return beta_[static_cast<size_t>(t)];
}

double Schedule::alpha_bar(int64_t t) const {
  check_time(t, 0);
  return alpha_bar_[static_cast<size_t>(t)];
}

NoiseLevel Schedule::level(int64_t t) const {
  check_time(t, 0);
  const auto i = static_cast<size_t>(t);
  return {.signal = std::sqrt(alpha_bar_[i]), .sigma = std::sqrt(variance_[i])};
}

Transition Schedule::transition(int64_t s, int64_t t) const {
  check_times(s, t);
  // Neither a quotient of alpha_bars, which may both be 0, nor 1 minus one, which loses digits.
  double kept = 1.0;
  double variance = 0.0;
  for (auto r = static_cast<size_t>(s + 1); r <= static_cast<size_t>(t); ++r) {
    kept *= 1.0 - beta_[r];
    variance = beta_[r] + (1.0 - beta_[r]) * variance;
  }
  return {.signal = std::sqrt(kept), .variance = variance};
}

Posterior Schedule::posterior(int64_t s, int64_t t) const {
  const Transition step = transition(s, t);
  const double noise_s = variance_[static_cast<size_t>(s)];
  const double noise_t = variance_[static_cast<size_t>(t)];
  if (noise_t == 0.0) return {.x0_weight = 1.0, .xt_weight = 0.0, .variance = 0.0};
  const double share = noise_s / noise_t;
  return {.x0_weight = std::sqrt(alpha_bar_[static_cast<size_t>(s)]) * step.variance / noise_t,
          .xt_weight = step.signal * share,  // [DDPM] eq. 7
          .variance = share * step.variance};
}

void Schedule::check_time(int64_t t, int64_t first) const {
  DDPM_CHECK(t >= first && t <= steps(), "schedule: t must be in [", first, ", ", steps(),
             "], got ", t);
}

void Schedule::check_times(int64_t s, int64_t t) const {
  check_time(t, 1);
  DDPM_CHECK(s >= 0 && s < t, "schedule: s must be in [0, ", t - 1, "], got ", s);
}

}  // namespace ddpm
