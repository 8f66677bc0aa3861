#include "ddpm/parity/diffusers_times.h"

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr double kRho = 7.0;  // of [EDM]

// numpy.linspace(0, last, n), rounded to even, rising.
std::vector<int64_t> linspace(int64_t last, int64_t n) {
  std::vector<int64_t> values = {0};
  if (n == 1) return values;
  const double step = static_cast<double>(last) / static_cast<double>(n - 1);
  for (int64_t i = 1; i + 1 < n; ++i) {
    values.push_back(static_cast<int64_t>(std::nearbyint(static_cast<double>(i) * step)));
  }
  values.push_back(last);
  return values;
}

// numpy.arange(first, 0, -T / N), rounded to even, less one: as many entries as the quotient of
// floats says, each a multiple of the difference of the first two.
std::vector<int64_t> trailing(int64_t first, int64_t T, int64_t N) {
  const double step = -(static_cast<double>(T) / static_cast<double>(N));
  const auto start = static_cast<double>(first);
  const auto count = static_cast<int64_t>(std::ceil(-start / step));
  const double delta = (start + step) - start;
  std::vector<int64_t> values;
  for (int64_t i = 0; i < count; ++i) {
    const double value = i == 1 ? start + step : start + static_cast<double>(i) * delta;
    values.push_back(static_cast<int64_t>(std::nearbyint(value)) - 1);
  }
  std::reverse(values.begin(), values.end());
  return values;
}

// stride j + offset for j = first .. first + n - 1.
std::vector<int64_t> leading(int64_t stride, int64_t first, int64_t n, int64_t offset) {
  std::vector<int64_t> values;
  for (int64_t j = first; j < first + n; ++j) values.push_back(stride * j + offset);
  return values;
}

// In the network's clock, rising.
std::vector<int64_t> timesteps(const DiffusersList& list) {
  const int64_t T = list.T;
  const int64_t N = list.steps;
  const int64_t last = list.last > 0 ? list.last : T;
  switch (list.spacing) {
    case Spacing::kLinspace:
      return linspace(T - 1, N);
    case Spacing::kLeading:
      return leading(T / N, 0, N, list.offset);
    case Spacing::kTrailing:
      return trailing(last, T, N);
    case Spacing::kDpmLeading:
      return leading(last / (N + 1), 1, N, list.offset);
    case Spacing::kDpmLinspace: {
      std::vector<int64_t> values = linspace(last - 1, N + 1);
      values.erase(values.begin());
      return values;
    }
    case Spacing::kQuadratic:
      break;
  }
  throw InvalidArgument(concat("times: diffusers has no spacing ", to_string(list.spacing)));
}

// Rising timesteps as falling times and a 0.
std::vector<int64_t> walkable(std::vector<int64_t> timesteps, int64_t T, const std::string& who) {
  std::reverse(timesteps.begin(), timesteps.end());
  std::vector<int64_t> times;
  for (const int64_t n : timesteps) {
    DDPM_CHECK(n >= 0 && n < T, who, " visits the timestep ", n, ", outside [0, ", T - 1, "]");
    DDPM_CHECK(times.empty() || n + 1 < times.back(), who, " visits the timestep ", n, " twice");
    times.push_back(n + 1);
  }
  times.push_back(0);
  return times;
}

// Where ln sigma lies between the timesteps, linear between neighbours.
double timestep_of_log(const std::vector<double>& log_sigmas, double log_sigma) {
  const auto above = std::upper_bound(log_sigmas.begin(), log_sigmas.end(), log_sigma);
  const auto last = std::ssize(log_sigmas) - 2;
  const int64_t low = std::clamp<int64_t>(above - log_sigmas.begin() - 1, 0, last);
  const double a = log_sigmas[static_cast<size_t>(low)];
  const double b = log_sigmas[static_cast<size_t>(low + 1)];
  const double share = std::clamp((a - log_sigma) / (a - b), 0.0, 1.0);
  return (1.0 - share) * static_cast<double>(low) + share * static_cast<double>(low + 1);
}

}  // namespace

std::vector<int64_t> diffusers_times(const DiffusersList& list) {
  DDPM_CHECK(list.T >= 1 && list.T <= Schedule::kMaxSteps && list.steps >= 1 &&
                 list.steps <= list.T && list.last >= 0 && list.last <= list.T,
             "times: wanted 1 to T steps of at most ", Schedule::kMaxSteps, ", got ", list.steps,
             " of ", list.T);
  DDPM_CHECK(!list.runge_kutta || list.steps >= 4,
             "times: diffusers' PNDM wants at least 4 steps for its warm-up, got ", list.steps);
  const std::string who =
      concat("times: diffusers' ", to_string(list.spacing), " list of ", list.steps, " of ", list.T,
             " steps", list.offset > 0 ? concat(" with offset ", list.offset) : "");
  return walkable(timesteps(list), list.T, who);
}

template <typename Real>
SigmaTimes diffusers_karras_times(const std::vector<Real>& alpha_bar, int64_t steps,
                                  bool rounds_down) {
  const auto T = std::ssize(alpha_bar);
  DDPM_CHECK(T >= 2 && steps >= 1 && steps <= T, "times: wanted 1 to T steps and T of at least 2, ",
             "got ", steps, " of ", T);
  std::vector<double> sigmas;
  std::vector<double> logs;
  for (const Real kept : alpha_bar) {
    DDPM_CHECK(kept > 0.0 && kept < 1.0, "times: Karras spacing wants alpha_bar in (0, 1), got ",
               kept);
    const Real sigma = std::sqrt((1 - kept) / kept);
    sigmas.push_back(sigma);
    logs.push_back(std::log(sigma));
  }
  const double most = std::pow(sigmas.back(), 1.0 / kRho);
  const double least = std::pow(sigmas.front(), 1.0 / kRho);
  std::vector<int64_t> timesteps;
  std::vector<TimeSigma> of_times;
  for (int64_t i = 0; i < steps; ++i) {
    const double ramp = steps == 1 ? 0.0 : static_cast<double>(i) / static_cast<double>(steps - 1);
    const double sigma = std::pow(most + ramp * (least - most), kRho);  // [EDM] eq. 5
    const double place = timestep_of_log(logs, std::log(sigma));
    timesteps.push_back(static_cast<int64_t>(rounds_down ? place : std::nearbyint(place)));
    of_times.push_back({timesteps.back() + 1, sigma});
  }
  std::reverse(timesteps.begin(), timesteps.end());
  return {walkable(timesteps, T, concat("times: diffusers' Karras list of ", steps, " steps")),
          of_times};
}

template SigmaTimes diffusers_karras_times(const std::vector<float>&, int64_t, bool);
template SigmaTimes diffusers_karras_times(const std::vector<double>&, int64_t, bool);

}  // namespace ddpm
