#include "ddpm/diffusion/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"

namespace ddpm {

namespace {

constexpr double kLargestCosineBeta = 0.999;

constexpr std::array<Named<ScheduleKind>, 2> kKinds = {
    {{ScheduleKind::kLinear, "linear"}, {ScheduleKind::kCosine, "cosine"}}};

void check_steps(int64_t T, int64_t least) {
  DDPM_CHECK(T >= least && T <= Schedule::kMaxSteps, "schedule: T must be in [", least, ", ",
             Schedule::kMaxSteps, "], got ", T);
}

}  // namespace

double NoiseLevel::lambda() const { return std::log(signal) - std::log(sigma); }

Schedule Schedule::linear(int64_t T, double beta_1, double beta_T) {
  check_steps(T, 2);
  DDPM_CHECK(beta_T > 0.0 && beta_T < 1.0, "schedule: beta_T must be in (0, 1), got ", beta_T);
  DDPM_CHECK(beta_1 > 0.0 && beta_1 <= beta_T, "schedule: beta_1 must be in (0, beta_T], got ",
             beta_1);
  std::vector<double> betas(static_cast<size_t>(T));
  for (size_t i = 0; i < betas.size(); ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(T - 1);
    betas[i] = beta_1 + share * (beta_T - beta_1);
  }
  betas.back() = beta_T;  // the sum above may be off by its rounding
  return Schedule(betas);
}

Schedule Schedule::cosine(int64_t T, double offset) {
  check_steps(T, 2);
  DDPM_CHECK(offset > 0.0 && std::isfinite(offset), "schedule: offset must be above 0, got ",
             offset);
  const auto f = [&](int64_t t) {  // alpha_bar_t but for its factor 1 / f(0)
    const double u = (static_cast<double>(t) / static_cast<double>(T) + offset) / (1.0 + offset);
    const double c = std::cos(u * std::numbers::pi / 2.0);
    return c * c;  // [iDDPM] eq. 17
  };
  std::vector<double> betas;
  for (int64_t t = 1; t <= T; ++t) {
    betas.push_back(std::min(1.0 - f(t) / f(t - 1), kLargestCosineBeta));
  }
  return Schedule(betas);
}

Schedule::Schedule(const std::vector<double>& betas) {
  check_steps(static_cast<int64_t>(betas.size()), 1);
  beta_ = {0.0};
  alpha_bar_ = {1.0};
  variance_ = {0.0};
  for (size_t t = 1; t <= betas.size(); ++t) {
    const double beta = betas[t - 1];
    DDPM_CHECK(beta > 0.0 && beta < 1.0, "schedule: beta_", t, " must be in (0, 1), got ", beta);
    beta_.push_back(beta);
    alpha_bar_.push_back((1.0 - beta) * alpha_bar_.back());
    // Not 1 - alpha_bar, which for small t has lost its last digits.
    variance_.push_back(beta + (1.0 - beta) * variance_.back());
    DDPM_CHECK(std::isnormal(alpha_bar_.back()),
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

Posterior Schedule::posterior(int64_t t) const {
  check_time(t, 1);
  const auto i = static_cast<size_t>(t);
  const double share = variance_[i - 1] / variance_[i];
  return {.x0_weight = std::sqrt(alpha_bar_[i - 1]) * beta_[i] / variance_[i],  // [DDPM] eq. 7
          .xt_weight = std::sqrt(1.0 - beta_[i]) * share,
          .variance = share * beta_[i]};
}

void Schedule::check_time(int64_t t, int64_t first) const {
  DDPM_CHECK(t >= first && t <= steps(), "schedule: t must be in [", first, ", ", steps(),
             "], got ", t);
}

std::string to_string(ScheduleKind kind) { return name_of(kKinds, kind); }

ScheduleKind schedule_kind_from(std::string_view name) {
  return value_named(kKinds, "schedule", name);
}

const std::vector<ScheduleKind>& all_schedule_kinds() {
  static const std::vector<ScheduleKind> kinds = {ScheduleKind::kLinear, ScheduleKind::kCosine};
  return kinds;
}

Schedule make_schedule(const ScheduleConfig& config) {
  switch (config.kind) {
    case ScheduleKind::kLinear:
      return Schedule::linear(config.T, config.beta_1, config.beta_T);
    case ScheduleKind::kCosine:
      return Schedule::cosine(config.T);
  }
  throw std::logic_error("make_schedule: an unknown kind");
}

}  // namespace ddpm
