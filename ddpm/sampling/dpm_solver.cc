#include "ddpm/sampling/dpm_solver.h"

#include <cmath>

namespace ddpm {

namespace {

// The mean of x_s: x_weight x + x0_weight D, D a mean of predicted x_0.
struct Exponential {
  double x_weight;
  double x0_weight;
  double noise_weight;
};

Exponential exponential_step(NoiseLevel from, NoiseLevel to, DpmNoise noise) {
  const double h = to.lambda() - from.lambda();
  const double ratio = to.sigma / from.sigma;
  if (noise == DpmNoise::kNone) return {ratio, -to.signal * std::expm1(-h), 0.0};
  const double lost = -std::expm1(-2.0 * h);  // 1 - e^(-2 h)
  return {ratio * std::exp(-h), to.signal * lost, to.sigma * std::sqrt(lost)};
}

// The weight of h dx_0 / dlambda: half that of x_0, or what the exponential integral of a straight
// x_0 says.
double slope_weight(NoiseLevel to, double h, const Exponential& weights, DpmNoise noise,
                    const DpmRule& rule) {
  if (!rule.heun) return 0.5 * weights.x0_weight;
  if (noise == DpmNoise::kNone) return to.signal * (std::expm1(-h) / h + 1.0);
  return to.signal * (1.0 + std::expm1(-2.0 * h) / (2.0 * h));
}

// The time in (s, t) whose lambda is nearest to the mean of those of s and t; 0 if there is none.
int64_t middle_time(const Schedule& schedule, int64_t s, int64_t t) {
  const double wanted = 0.5 * (schedule.level(s).lambda() + schedule.level(t).lambda());
  if (!std::isfinite(wanted)) return 0;
  int64_t low = s;  // lambda falls with the time
  int64_t high = t;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (schedule.level(middle).lambda() >= wanted ? low : high) = middle;
  }
  const bool low_is_nearer =
      wanted - schedule.level(high).lambda() > schedule.level(low).lambda() - wanted;
  const int64_t nearest = low_is_nearer ? low : high;
  const NoiseLevel level = schedule.level(nearest);
  const bool divides = nearest > s && nearest < t && !is_idle_step(schedule.level(t), level) &&
                       !is_idle_step(level, schedule.level(s));
  return divides ? nearest : 0;
}

// The last entry before the i-th whose level is another one; i if there is none.
size_t entry_before(const Schedule& schedule, std::span<const int64_t> times, size_t i) {
  const NoiseLevel here = schedule.level(times[i]);
  for (size_t k = i; k-- > 0;) {
    if (!is_idle_step(schedule.level(times[k]), here)) return k;
  }
  return i;
}

Stage first_order_stage(const Schedule& schedule, int64_t t, int64_t s, int64_t step) {
  return single_stage(t, step, dpm_first_order_step(schedule.level(t), schedule.level(s)));
}

}  // namespace

StepWeights dpm_first_order_step(NoiseLevel from, NoiseLevel to) {
  if (is_idle_step(from, to)) return {.x_weight = 1.0};
  const Exponential weights = exponential_step(from, to, DpmNoise::kNone);
  return {.x_weight = weights.x_weight, .x0_weight = weights.x0_weight};
}

Plan dpm_multistep_plan(const Schedule& schedule, std::span<const int64_t> times, DpmNoise noise,
                        NoiseLevel end, const DpmRule& rule) {
  Plan plan;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const NoiseLevel from = schedule.level(times[i]);
    const NoiseLevel to = times[i + 1] == 0 ? end : schedule.level(times[i + 1]);
    if (is_idle_step(from, to)) {
      plan.push_back(idle_stage(times[i], static_cast<int64_t>(i)));
      continue;
    }
    const Exponential weights = exponential_step(from, to, noise);
    Stage stage;
    stage.t = times[i];
    stage.step = static_cast<int64_t>(i);
    stage.x_weight = weights.x_weight;
    stage.x0_weights = {weights.x0_weight};
    stage.noise_weight = weights.noise_weight;
    const double h = to.lambda() - from.lambda();
    const bool first_order_end = rule.first_order_end && i + 2 == times.size();
    const size_t before = entry_before(schedule, times, i);
    if (before < i && std::isfinite(h) && !first_order_end) {  // [DPM++] algorithm 2
      const double h_before = from.lambda() - schedule.level(times[before]).lambda();
      const double slope = slope_weight(to, h, weights, noise, rule) * (h / h_before);
      stage.x0_weights = {weights.x0_weight + slope, -slope};  // 0 behind pure noise
    }
    plan.push_back(stage);
  }
  return plan;
}

Plan dpm_singlestep_plan(const Schedule& schedule, std::span<const int64_t> times) {
  Plan plan;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const int64_t t = times[i];
    const int64_t s = times[i + 1];
    const auto step = static_cast<int64_t>(i);
    if (is_idle_step(schedule.level(t), schedule.level(s))) {
      plan.push_back(idle_stage(t, step));
      continue;
    }
    const int64_t middle = middle_time(schedule, s, t);
    if (middle == 0) {
      plan.push_back(first_order_stage(schedule, t, s, step));
      continue;
    }
    Stage first = first_order_stage(schedule, t, middle, step);
    first.keeps_base = true;
    first.ends_step = false;
    const NoiseLevel from = schedule.level(t);
    const NoiseLevel to = schedule.level(s);
    const Exponential weights = exponential_step(from, to, DpmNoise::kNone);
    const double r =
        (schedule.level(middle).lambda() - from.lambda()) / (to.lambda() - from.lambda());
    Stage second;  // [DPM++] algorithm 1
    second.t = middle;
    second.step = step;
    second.base_weight = weights.x_weight;
    second.x0_weights = {weights.x0_weight / (2.0 * r), weights.x0_weight * (1.0 - 0.5 / r)};
    plan.push_back(first);
    plan.push_back(second);
  }
  return plan;
}

}  // namespace ddpm
