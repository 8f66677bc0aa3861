#include "ddpm/sampling/inversion.h"

#include <algorithm>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

void check_rising(std::span<const int64_t> times, int64_t T) {
  DDPM_CHECK(times.size() >= 2, "inversion: wanted at least two times, got ", times.size());
  for (size_t i = 0; i < times.size(); ++i) {
    const bool rises = i == 0 ? times[i] >= 0 : times[i] > times[i - 1];
    DDPM_CHECK(rises && times[i] <= T, "inversion: times must rise strictly within [0, ", T,
               "], got ", times[i], i == 0 ? "" : concat(" behind ", times[i - 1]));
  }
}

// From the clean image: x <- signal x_0, whose eps at the time that is reached is then added.
Stage first_stage(NoiseLevel to, int64_t t, int64_t step) {
  Stage stage = single_stage(t, step, {.x_weight = 1.0, .eps_weight = to.sigma});
  stage.lift_signal = to.signal;
  return stage;
}

}  // namespace

Plan inversion_plan(const Schedule& schedule, std::span<const int64_t> times) {
  check_rising(times, schedule.steps());
  Plan plan;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const NoiseLevel from = schedule.level(times[i]);
    const NoiseLevel to = schedule.level(times[i + 1]);
    if (to.is_clean() || (from.signal == 0.0 && to.signal == 0.0)) {
      plan.push_back(idle_stage(std::max<int64_t>(times[i], 1), static_cast<int64_t>(i)));
    } else if (from.is_clean()) {
      plan.push_back(first_stage(to, times[i + 1], static_cast<int64_t>(i)));
    } else {
      const StepWeights step{.x0_weight = to.signal, .eps_weight = to.sigma};  // [DDIM] eq. 12
      plan.push_back(single_stage(times[i], static_cast<int64_t>(i), step));
    }
  }
  return plan;
}

void run_inversion(const NoisePredictor& predictor, std::span<const int64_t> times,
                   const SamplerOptions& options, std::span<const int64_t> indices, BatchView x,
                   const StepObserver& observer) {
  const Plan plan = inversion_plan(predictor.schedule(), times);
  run_plan(predictor, plan, times, options, NoiseSource{}, indices, x, observer);
}

}  // namespace ddpm
