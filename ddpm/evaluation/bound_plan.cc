#include "ddpm/evaluation/bound_plan.h"

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

// How many steps, from time 0 upwards, lie in the first strata: in the first alone, the first two
// ..
std::vector<int64_t> ends_of_strata(int64_t steps, int64_t count) {
  std::vector<int64_t> ends = {1};
  for (int64_t j = 1; j < count; ++j) {
    if (count == steps) {
      ends.push_back(j + 1);
      continue;
    }
    const double share = static_cast<double>(j) / static_cast<double>(count - 1);
    const double wanted = 1.0 + static_cast<double>(steps - 1) * share * share;
    ends.push_back(std::max(static_cast<int64_t>(std::nearbyint(wanted)), j + 1));
  }
  return ends;
}

int64_t number_behind(std::string_view text, std::string_view word, int64_t least, int64_t T) {
  const auto number = parse_int(text.substr(word.size()));
  DDPM_CHECK(number && *number >= least && *number <= T, "--times ", word,
             "N wants a whole number in [", least, ", ", T, "], got '", text, "'");
  return *number;
}

}  // namespace

BoundPlan whole_plan(std::vector<int64_t> times) {
  const int64_t steps = std::ssize(times) - 1;
  return sampled_plan(std::move(times), steps);
}

BoundPlan sampled_plan(std::vector<int64_t> times, int64_t count) {
  check_times(times, Schedule::kMaxSteps);
  const int64_t steps = std::ssize(times) - 1;
  const int64_t least = std::min<int64_t>(2, steps);
  DDPM_CHECK(count >= least && count <= steps, "bound: wanted strata in [", least, ", ", steps,
             "], got ", count);
  BoundPlan plan{.times = std::move(times), .strata = {}};
  int64_t before = 0;
  for (const int64_t end : ends_of_strata(steps, count)) {
    plan.strata.push_back({steps - end, end - before});
    before = end;
  }
  std::reverse(plan.strata.begin(), plan.strata.end());
  return plan;
}

BoundPlan bound_plan_from(std::string_view text, int64_t T) {
  constexpr std::string_view kRespaced = "respaced:";
  constexpr std::string_view kSampled = "sampled:";
  const auto all = times_for(Spacing::kTrailing, T, T);
  if (text == "all") return whole_plan(all);
  if (text.starts_with(kRespaced)) {
    return whole_plan(times_for(Spacing::kTrailing, T, number_behind(text, kRespaced, 1, T)));
  }
  if (text.starts_with(kSampled)) {
    return sampled_plan(all, number_behind(text, kSampled, std::min<int64_t>(2, T), T));
  }
  throw InvalidArgument(concat("--times must be all, respaced:N or sampled:N, got '", text, "'"));
}

Schedule chain_schedule(const Schedule& schedule, const std::vector<int64_t>& times) {
  std::vector<double> betas;
  for (size_t k = times.size() - 1; k > 0; --k) {
    betas.push_back(schedule.transition(times[k], times[k - 1]).variance);
  }
  return Schedule(betas);
}

}  // namespace ddpm
