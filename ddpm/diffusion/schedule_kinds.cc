#include "ddpm/diffusion/schedule_kinds.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"

namespace ddpm {

namespace {

using Betas = std::vector<double>;

constexpr double kLargestBeta = 0.999;  // of the sequences that are given by alpha_bar

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// The i-th of n numbers from a to b, both reached exactly.
double between(double a, double b, int64_t i, int64_t n) {
  if (i == 0 || n == 1) return a;
  if (i == n - 1) return b;
  return a + static_cast<double>(i) / static_cast<double>(n - 1) * (b - a);
}

Betas lin(double a, double b, int64_t n) {
  Betas numbers;
  for (int64_t i = 0; i < n; ++i) numbers.push_back(between(a, b, i, n));
  return numbers;
}

// f is alpha_bar, up to a factor, of the share u of the time that has passed.
Betas from_alpha_bar(int64_t T, const std::function<double(double)>& f) {
  Betas betas;
  for (int64_t t = 1; t <= T; ++t) {
    const auto n = static_cast<double>(T);
    const double kept = f(static_cast<double>(t) / n) / f(static_cast<double>(t - 1) / n);
    betas.push_back(std::clamp(1.0 - kept, 0.0, kLargestBeta));
  }
  return betas;
}

Betas linear(const ScheduleConfig& c) { return lin(c.beta_1, c.beta_T, c.T); }

Betas linear_scaled(const ScheduleConfig& c) {
  const double scale = 1000.0 / static_cast<double>(c.T);
  return lin(c.beta_1 * scale, c.beta_T * scale, c.T);
}

Betas quadratic(const ScheduleConfig& c) {
  Betas betas = lin(std::sqrt(c.beta_1), std::sqrt(c.beta_T), c.T);
  for (double& beta : betas) beta *= beta;
  betas.front() = c.beta_1;  // the roots are rounded
  if (c.T > 1) betas.back() = c.beta_T;
  return betas;
}

Betas warmup(const ScheduleConfig& c, int64_t percent) {
  Betas betas = lin(c.beta_1, c.beta_T, c.T * percent / 100);
  betas.resize(static_cast<size_t>(c.T), c.beta_T);
  return betas;
}

Betas warmup_10(const ScheduleConfig& c) { return warmup(c, 10); }
Betas warmup_50(const ScheduleConfig& c) { return warmup(c, 50); }
Betas constant(const ScheduleConfig& c) { return Betas(static_cast<size_t>(c.T), c.beta_T); }

Betas jsd(const ScheduleConfig& c) {
  Betas betas;
  for (int64_t t = 1; t <= c.T; ++t) betas.push_back(1.0 / static_cast<double>(c.T - t + 1));
  return betas;
}

Betas cosine(const ScheduleConfig& c) {
  constexpr double kOffset = 0.008;
  return from_alpha_bar(c.T, [](double u) {
    const double x = std::cos((u + kOffset) / (1.0 + kOffset) * std::numbers::pi / 2.0);
    return x * x;  // [iDDPM] eq. 17
  });
}

Betas sigmoid(const ScheduleConfig& c) {
  Betas betas = lin(-6.0, 6.0, c.T);
  for (double& beta : betas) beta = logistic(beta) * (c.beta_T - c.beta_1) + c.beta_1;
  return betas;
}

Betas sigmoid_alpha_bar(const ScheduleConfig& c) {
  return from_alpha_bar(c.T, [](double u) { return logistic(3.0) - logistic(6.0 * u - 3.0); });
}

Betas exponential(const ScheduleConfig& c) {
  return from_alpha_bar(c.T, [](double u) { return std::exp(-12.0 * u); });
}

Betas laplace(const ScheduleConfig& c) {
  return from_alpha_bar(c.T, [](double u) {
    const double from_middle = 0.5 - u;
    const double sign = from_middle >= 0.0 ? 1.0 : -1.0;  // in the middle as diffusers has it
    const double snr = std::exp(-0.5 * sign * std::log(1.0 - 2.0 * std::abs(from_middle) + 1e-6));
    return std::sqrt(snr / (1.0 + snr));
  });
}

Betas list(const ScheduleConfig& c) {
  DDPM_CHECK(std::ssize(c.betas) == c.T, "schedule: wanted as many betas as T, ", c.T, ", got ",
             c.betas.size());
  return c.betas;
}

// All that there is to know of a kind; a new one is a line here.
struct Row {
  ScheduleKind kind;
  std::string_view name;
  bool has_ends;
  Betas (*betas)(const ScheduleConfig&);
};
constexpr std::array<Row, 13> kRows = {{
    {ScheduleKind::kLinear, "linear", true, linear},
    {ScheduleKind::kLinearScaled, "linear_scaled", true, linear_scaled},
    {ScheduleKind::kQuadratic, "quadratic", true, quadratic},
    {ScheduleKind::kWarmup10, "warmup10", true, warmup_10},
    {ScheduleKind::kWarmup50, "warmup50", true, warmup_50},
    {ScheduleKind::kConstant, "constant", true, constant},
    {ScheduleKind::kJsd, "jsd", false, jsd},
    {ScheduleKind::kCosine, "cosine", false, cosine},
    {ScheduleKind::kSigmoid, "sigmoid", true, sigmoid},
    {ScheduleKind::kSigmoidAlphaBar, "sigmoid_alpha_bar", false, sigmoid_alpha_bar},
    {ScheduleKind::kExponential, "exponential", false, exponential},
    {ScheduleKind::kLaplace, "laplace", false, laplace},
    {ScheduleKind::kList, "list", false, list},
}};

const Row& row_of(ScheduleKind kind) {
  for (const Row& row : kRows) {
    if (row.kind == kind) return row;
  }
  throw std::logic_error("schedule: an unknown kind");
}

}  // namespace

std::string to_string(ScheduleKind kind) { return std::string(row_of(kind).name); }

ScheduleKind schedule_kind_from(std::string_view name) {
  if (name == "scaled_linear") return ScheduleKind::kQuadratic;
  std::array<Named<ScheduleKind>, kRows.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = {kRows[i].kind, kRows[i].name};
  return value_named(names, "schedule", name);
}

const std::vector<ScheduleKind>& all_schedule_kinds() {
  static const std::vector<ScheduleKind> all = [] {
    std::vector<ScheduleKind> kinds;
    for (const Row& row : kRows) {
      if (row.kind != ScheduleKind::kList) kinds.push_back(row.kind);
    }
    return kinds;
  }();
  return all;
}

std::vector<std::string> schedule_names() {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.emplace_back(row.name);
  return names;
}

bool has_ends(ScheduleKind kind) { return row_of(kind).has_ends; }

Schedule make_schedule(const ScheduleConfig& config) {
  const int64_t T = config.T;
  DDPM_CHECK(T >= 1 && T <= Schedule::kMaxSteps, "schedule: T must be in [1, ", Schedule::kMaxSteps,
             "], got ", T);
  DDPM_CHECK(config.kind == ScheduleKind::kList || config.betas.empty(),
             "schedule: betas belong to the schedule list, got them with ", to_string(config.kind));
  if (has_ends(config.kind)) {
    for (const auto& [name, beta] :
         {std::pair("beta_1", config.beta_1), {"beta_T", config.beta_T}}) {
      DDPM_CHECK(beta >= 0.0 && beta <= 1.0, "schedule: ", name, " must be in [0, 1], got ", beta);
    }
  }
  const Betas betas = row_of(config.kind).betas(config);
  return Schedule(config.zero_terminal_snr ? zero_terminal_snr_betas(betas) : betas);
}

Schedule linear_schedule(int64_t T, double beta_1, double beta_T) {
  return make_schedule({.T = T, .beta_1 = beta_1, .beta_T = beta_T});
}

Schedule cosine_schedule(int64_t T) {
  return make_schedule({.kind = ScheduleKind::kCosine, .T = T});
}

std::vector<double> zero_terminal_snr_betas(const std::vector<double>& betas) {
  const Schedule schedule(betas);
  const int64_t T = schedule.steps();
  const double first = schedule.level(1).signal;
  const double last = schedule.level(T).signal;
  DDPM_CHECK(last < first,
             "schedule: for a terminal signal-to-noise ratio of zero alpha_bar must "
             "fall from t = 1 to T, got ",
             first * first, " and ", last * last);
  std::vector<double> result = {betas[0]};
  double before = first;
  for (int64_t t = 2; t <= T; ++t) {
    const double signal = (schedule.level(t).signal - last) * first / (first - last);
    const double ratio = before > 0.0 ? signal / before : 0.0;
    result.push_back(1.0 - ratio * ratio);
    before = signal;
  }
  return result;
}

}  // namespace ddpm
