#include "ddpm/sampling/times.h"

#include <array>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

namespace {

constexpr std::array<Named<Spacing>, 3> kSpacings = {{{Spacing::kTrailing, "trailing"},
                                                      {Spacing::kLeading, "leading"},
                                                      {Spacing::kLinspace, "linspace"}}};

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
  }
  throw std::logic_error("times: an unknown spacing");
}

}  // namespace

std::string to_string(Spacing spacing) { return name_of(kSpacings, spacing); }

Spacing spacing_from(std::string_view name) { return value_named(kSpacings, "spacing", name); }

const std::vector<Spacing>& all_spacings() {
  static const std::vector<Spacing> all = {Spacing::kTrailing, Spacing::kLeading,
                                           Spacing::kLinspace};
  return all;
}

std::vector<int64_t> times_for(Spacing spacing, int64_t T, int64_t steps) {
  DDPM_CHECK(T >= 1 && T <= Schedule::kMaxSteps, "times: T must be in [1, ", Schedule::kMaxSteps,
             "], got ", T);
  DDPM_CHECK(steps >= 1 && steps <= T, "times: steps must be in [1, ", T, "], got ", steps);
  std::vector<int64_t> times;
  for (int64_t j = steps - 1; j >= 0; --j) times.push_back(time_at(spacing, T, steps, j));
  times.push_back(0);
  return times;
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
