#include "ddpm/sampling/times.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

namespace {

constexpr std::array<Named<Spacing>, 6> kSpacings = {{{Spacing::kTrailing, "trailing"},
                                                      {Spacing::kLeading, "leading"},
                                                      {Spacing::kLinspace, "linspace"},
                                                      {Spacing::kDpmLinspace, "dpm_linspace"},
                                                      {Spacing::kDpmLeading, "dpm_leading"},
                                                      {Spacing::kQuadratic, "quadratic"}}};

// The whole number nearest to numerator / denominator, both positive or 0; of two the even one.
int64_t rounded_quotient(int64_t numerator, int64_t denominator) {
  const int64_t quotient = numerator / denominator;
  const int64_t twice_rest = 2 * (numerator % denominator);
  const bool up = twice_rest > denominator || (twice_rest == denominator && quotient % 2 != 0);
  return up ? quotient + 1 : quotient;
}

// The time that is visited when j more follow it before 0, j in [0, N).
int64_t time_at(Spacing spacing, int64_t T, int64_t N, int64_t j) {
  switch (spacing) {
    case Spacing::kTrailing:
      return rounded_quotient(T * (j + 1), N);
    case Spacing::kLeading:
      return T / N * j + 1;
    case Spacing::kLinspace:
      return N == 1 ? 1 : rounded_quotient((T - 1) * j, N - 1) + 1;
    case Spacing::kDpmLinspace:
      return rounded_quotient((T - 1) * (j + 1), N) + 1;
    case Spacing::kDpmLeading:
      return T / (N + 1) * (j + 1) + 1;
    case Spacing::kQuadratic: {
      const double share = N == 1 ? 1.0 : static_cast<double>(j) / static_cast<double>(N - 1);
      return static_cast<int64_t>(std::nearbyint(0.8 * static_cast<double>(T) * share * share)) + 1;
    }
  }
  throw std::logic_error("times: an unknown spacing");
}

// Rising times as a list to walk: falling and with a 0 at the end. Each is moved up to one behind
// the one before it, and then down again from T, so that all differ.
std::vector<int64_t> falling(std::vector<int64_t> times, int64_t T) {
  for (size_t i = 1; i < times.size(); ++i) times[i] = std::max(times[i], times[i - 1] + 1);
  for (size_t i = times.size(); i-- > 0;) {
    times[i] = std::min(times[i], T - static_cast<int64_t>(times.size() - 1 - i));
  }
  std::reverse(times.begin(), times.end());
  times.push_back(0);
  return times;
}

std::vector<int64_t> strided_times(int64_t steps, int64_t T) {
  for (int64_t stride = 1; stride <= T; ++stride) {
    if ((T + stride - 1) / stride != steps) continue;
    std::vector<int64_t> times;
    for (int64_t t = 1; t <= T; t += stride) times.push_back(t);
    return falling(times, T);
  }
  throw InvalidArgument(
      concat("times: ddim", steps, ": no whole stride visits ", steps, " of ", T, " times"));
}

// Rises with the time where noise is added.
using Coordinate = double (*)(NoiseLevel level);

double log_u(NoiseLevel level) { return -level.lambda(); }  // u = sigma / signal
double log_angle(NoiseLevel level) { return std::log(std::atan2(level.sigma, level.signal)); }

// The time from `first` on whose coordinate is `wanted`, which is linear between neighbours.
int64_t time_where(const Schedule& schedule, int64_t first, Coordinate coordinate, double wanted) {
  const auto at = [&](int64_t t) { return coordinate(schedule.level(t)); };
  int64_t low = first;
  int64_t high = schedule.steps();
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (at(middle) <= wanted ? low : high) = middle;
  }
  const double apart = at(high) - at(low);
  if (!(apart > 0.0)) return low;  // one time, or two of one level
  const double share = (wanted - at(low)) / apart;
  return low + static_cast<int64_t>(std::nearbyint(std::clamp(share, 0.0, 1.0)));
}

// N times whose e^coordinate has equal steps of its rho-th root, from `first` to T; for rho = 0 the
// steps of the coordinate itself are equal.
std::vector<int64_t> rooted_times(const Schedule& schedule, int64_t first, int64_t steps,
                                  Coordinate coordinate, double rho) {
  const double least = coordinate(schedule.level(first));
  const double most = coordinate(schedule.level(schedule.steps()));
  std::vector<int64_t> times;
  for (int64_t i = 0; i < steps; ++i) {
    const double share = steps == 1 ? 1.0 : static_cast<double>(i) / static_cast<double>(steps - 1);
    const double a = std::pow(std::exp(least), 1.0 / rho);
    const double b = std::pow(std::exp(most), 1.0 / rho);
    const double wanted = rho > 0.0 ? rho * std::log(a + share * (b - a))  // [EDM] eq. 5
                                    : least + share * (most - least);
    times.push_back(time_where(schedule, first, coordinate, wanted));
  }
  return times;
}

void check_steps(int64_t steps, int64_t T) {
  DDPM_CHECK(steps >= 1 && steps <= T, "times: steps must be in [1, ", T, "], got ", steps);
}

// Throws InvalidArgument unless u is above 0 at the first time and finite at the last.
void check_u(const Schedule& schedule, const char* spacing) {
  const double least = std::exp(log_u(schedule.level(1)));
  const double most = std::exp(log_u(schedule.level(schedule.steps())));
  DDPM_CHECK(least > 0.0 && std::isfinite(most), "times: ", spacing,
             " spacing wants sigma / signal above 0 at t = 1 and finite at T, got ", least, " and ",
             most);
}

}  // namespace

std::string to_string(Spacing spacing) { return name_of(kSpacings, spacing); }

Spacing spacing_from(std::string_view name) { return value_named(kSpacings, "spacing", name); }

const std::vector<Spacing>& all_spacings() {
  static const std::vector<Spacing> all = [] {
    std::vector<Spacing> list;
    for (const Named<Spacing>& row : kSpacings) list.push_back(row.value);
    return list;
  }();
  return all;
}

std::vector<int64_t> times_for(Spacing spacing, int64_t T, int64_t steps, int64_t offset) {
  DDPM_CHECK(T >= 1 && T <= Schedule::kMaxSteps, "times: T must be in [1, ", Schedule::kMaxSteps,
             "], got ", T);
  DDPM_CHECK(steps >= 1 && steps <= T, "times: steps must be in [1, ", T, "], got ", steps);
  DDPM_CHECK(offset >= 0 && offset <= T, "times: offset must be in [0, ", T, "], got ", offset);
  const bool moved = spacing == Spacing::kLeading || spacing == Spacing::kDpmLeading;
  std::vector<int64_t> times;
  for (int64_t j = 0; j < steps; ++j) {
    times.push_back(time_at(spacing, T, steps, j) + (moved ? offset : 0));
  }
  return falling(times, T);
}

int64_t latest_time_above(const Schedule& schedule, double lambda_min) {
  for (int64_t t = schedule.steps(); t >= 1; --t) {
    if (schedule.level(t).lambda() >= lambda_min) return t;
  }
  throw InvalidArgument(concat("times: no time has a lambda of at least ", lambda_min));
}

std::vector<int64_t> respaced_times(std::string_view sections, int64_t T) {
  DDPM_CHECK(T >= 1 && T <= Schedule::kMaxSteps, "times: T must be in [1, ", Schedule::kMaxSteps,
             "], got ", T);
  const std::string text(sections);
  const bool strided = text.rfind("ddim", 0) == 0;
  std::vector<int64_t> counts;
  for (const std::string& word : split(strided ? text.substr(4) : text, ',')) {
    const auto count = parse_int(word);
    DDPM_CHECK(count && *count >= 1, "times: wanted ddimN or numbers of times with commas, got '",
               text, "'");
    counts.push_back(*count);
  }
  DDPM_CHECK(!counts.empty() && (!strided || counts.size() == 1),
             "times: wanted ddimN or numbers of times with commas, got '", text, "'");
  if (strided) return strided_times(counts[0], T);
  const auto parts = std::ssize(counts);
  std::vector<int64_t> times;
  int64_t first = 1;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t size = T / parts + (i < T % parts ? 1 : 0);
    const int64_t count = counts[static_cast<size_t>(i)];
    DDPM_CHECK(count <= size, "times: section ", i + 1, " of '", text, "' has ", size,
               " times, wanted ", count, " of them");
    const double stride =
        count == 1 ? 1.0 : static_cast<double>(size - 1) / static_cast<double>(count - 1);
    double at = 0.0;  // added up, as elsewhere: a product would round otherwise now and then
    for (int64_t j = 0; j < count; ++j, at += stride) {
      times.push_back(first + static_cast<int64_t>(std::nearbyint(at)));
    }
    first += size;
  }
  return falling(times, T);
}

std::vector<int64_t> karras_times(const Schedule& schedule, int64_t steps, double rho) {
  check_steps(steps, schedule.steps());
  DDPM_CHECK(rho > 0.0, "times: rho must be above 0, got ", rho);
  check_u(schedule, "Karras");
  return falling(rooted_times(schedule, 1, steps, log_u, rho), schedule.steps());
}

std::vector<int64_t> lambda_times(const Schedule& schedule, int64_t steps) {
  check_steps(steps, schedule.steps());
  check_u(schedule, "lambda");
  return falling(rooted_times(schedule, 1, steps, log_u, 0.0), schedule.steps());
}

std::vector<int64_t> angle_times(const Schedule& schedule, int64_t steps) {
  constexpr double kRho = 7.0;  // of [EDM]; docs/likelihood.md has others
  const int64_t T = schedule.steps();
  check_steps(steps, T);
  int64_t first = 1;
  while (first < T && schedule.level(first).is_clean()) ++first;
  std::vector<int64_t> times = rooted_times(schedule, first, steps, log_angle, kRho);
  times.back() = T;
  return falling(std::move(times), T);
}

void check_times(std::span<const int64_t> times, int64_t T) {
  DDPM_CHECK(times.size() >= 2, "times: wanted at least one time and a final 0, got ", times.size(),
             " entries");
  DDPM_CHECK(times.front() <= T, "times: the first must be at most ", T, ", got ", times.front());
  for (size_t i = 1; i < times.size(); ++i) {
    DDPM_CHECK(times[i] < times[i - 1], "times: must fall strictly, got ", times[i], " after ",
               times[i - 1]);
  }
  DDPM_CHECK(times.back() == 0, "times: the last must be 0, got ", times.back());
}

}  // namespace ddpm
