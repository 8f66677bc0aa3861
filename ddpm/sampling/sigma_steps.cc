#include "ddpm/sampling/sigma_steps.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

double u_of(NoiseLevel level) { return level.sigma / level.signal; }

// The time at or behind t whose u is nearest to `wanted`.
int64_t time_of(const Schedule& schedule, int64_t t, double wanted) {
  int64_t low = t;
  int64_t high = schedule.steps();
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (u_of(schedule.level(middle)) <= wanted ? low : high) = middle;
  }
  const double below = std::abs(u_of(schedule.level(low)) - wanted);
  const double above = std::abs(u_of(schedule.level(high)) - wanted);
  return above < below ? high : low;
}

// A stage that begins at t, lifted as the churn has it.
Stage lifted_stage(const Schedule& schedule, int64_t t, int64_t steps, const Churn& churn) {
  Stage stage;
  stage.t = t;
  const double u = u_of(schedule.level(t));
  const double gamma =
      std::min(churn.amount / static_cast<double>(steps), std::numbers::sqrt2 - 1.0);
  if (gamma == 0.0 || u < churn.least_u || u > churn.most_u || !std::isfinite(u)) return stage;
  stage.t = time_of(schedule, t, (1.0 + gamma) * u);
  if (stage.t == t) return stage;
  const Transition up = schedule.transition(t, stage.t);
  stage.lift_signal = up.signal;  // [EDM] algorithm 2, lines 5 and 6
  stage.lift_noise = std::sqrt(up.variance) * churn.noise_scale;
  return stage;
}

void check_churn(const Churn& churn) {
  DDPM_CHECK(churn.amount >= 0.0 && churn.least_u >= 0.0 && churn.most_u >= churn.least_u &&
                 churn.noise_scale > 0.0,
             "churn: wanted amount and least_u of at least 0, most_u not below least_u and "
             "noise_scale above 0, got ",
             churn.amount, ", ", churn.least_u, ", ", churn.most_u, " and ", churn.noise_scale);
}

void add(Stage& stage, const StepWeights& weights) {
  stage.x_weight = weights.x_weight;
  stage.x0_weights = {weights.x0_weight};
  stage.eps_weights = {weights.eps_weight};
}

Plan plan_of(const Schedule& schedule, std::span<const int64_t> times, const Churn& churn,
             bool corrected) {
  check_churn(churn);
  Plan plan;
  const auto steps = std::ssize(times) - 1;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const int64_t s = times[i + 1];
    const auto step = static_cast<int64_t>(i);
    const NoiseLevel to = schedule.level(s);
    if (is_idle_step(schedule.level(times[i]), to)) {
      plan.push_back(idle_stage(times[i], step));
      continue;
    }
    Stage stage = lifted_stage(schedule, times[i], steps, churn);
    stage.step = step;
    const NoiseLevel from = schedule.level(stage.t);
    // the same to the clean image, whose value is then exactly the predicted one
    add(stage, to.is_clean() ? StepWeights{.x0_weight = 1.0} : euler_step(from, to));
    const bool twice = corrected && !to.is_clean() && !is_nearly_noise(from);
    stage.keeps_base = twice;
    stage.ends_step = !twice;
    plan.push_back(stage);
    if (!twice) continue;
    Stage second;  // [EDM] algorithm 1, lines 7 and 8
    second.t = s;
    second.step = stage.step;
    second.base_weight = to.signal / from.signal;
    const double half = 0.5 * to.signal * (u_of(to) - u_of(from));
    second.eps_weights = {half, half};
    plan.push_back(second);
  }
  return plan;
}

}  // namespace

bool is_nearly_noise(NoiseLevel level) { return level.sigma > kLargestU * level.signal; }

StepWeights euler_step(NoiseLevel from, NoiseLevel to) {
  if (is_nearly_noise(from)) return {.x0_weight = to.signal, .eps_weight = to.sigma};
  return {.x_weight = to.signal / from.signal,  // [EDM] algorithm 1
          .eps_weight = to.signal * (u_of(to) - u_of(from))};
}

Plan euler_plan(const Schedule& schedule, std::span<const int64_t> times, const Churn& churn) {
  return plan_of(schedule, times, churn, /*corrected=*/false);
}

Plan heun_plan(const Schedule& schedule, std::span<const int64_t> times, const Churn& churn) {
  return plan_of(schedule, times, churn, /*corrected=*/true);
}

}  // namespace ddpm
