#include "ddpm/sampling/pndm.h"

#include <algorithm>
#include <vector>

#include "ddpm/sampling/sigma_steps.h"

namespace ddpm {

namespace {

// Adams and Bashforth's weights of the newest eps and those before it, by order.
const std::vector<std::vector<double>> kRules = {
    {1.0},
    {3.0 / 2.0, -1.0 / 2.0},
    {23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0},
    {55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0},
};

// The plan while it grows, and which of its calls were made at the beginning of a step.
class Builder {
 public:
  Builder(const Schedule& schedule, std::span<const int64_t> times, NoiseLevel end)
      : schedule_(schedule), times_(times), end_(end) {}

  // Whether the step ends in the clean image, for which no network was trained.
  bool is_last(size_t i) const { return times_[i + 1] == 0 || level(times_[i + 1]).is_clean(); }

  // Four calls, of which the first is kept for the steps that follow.
  void runge_kutta_step(size_t i) {
    const int64_t t = times_[i];
    const int64_t s = times_[i + 1];
    const int64_t middle = t - (t - s) / 2;
    starts_.push_back(calls());
    add(i, t, middle, {1.0}, false);
    plan_.back().keeps_base = true;
    add(i, middle, middle, {1.0}, true);
    add(i, middle, s, {1.0}, true);
    add(i, s, s, {1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0}, true);
    plan_.back().ends_step = true;
  }

  void idle_step(size_t i) {
    plan_.push_back(idle_stage(times_[i], static_cast<int64_t>(i)));
    ++idle_;
  }

  bool is_idle(size_t i) const {
    return is_idle_step(schedule_.level(times_[i]), level(times_[i + 1]));
  }

  // By this eps alone, which the steps that follow do not look back at.
  void first_order_step(size_t i) {
    add(i, times_[i], times_[i + 1], {1.0}, false);
    plan_.back().ends_step = true;
  }

  void multistep(size_t i) {
    starts_.push_back(calls());
    const auto& rule = kRules[std::min(starts_.size(), kRules.size()) - 1];
    std::vector<double> weights;
    for (size_t k = 0; k < rule.size(); ++k) {
      const size_t ago = static_cast<size_t>(calls() - starts_[starts_.size() - 1 - k]);
      weights.resize(ago + 1, 0.0);
      weights[ago] = rule[k];
    }
    add(i, times_[i], times_[i + 1], weights, false);
    plan_.back().ends_step = true;
  }

  // The first step, then once more from its beginning by the mean of both ends' eps.
  void step_twice(size_t i) {
    starts_.push_back(calls());
    add(i, times_[i], times_[i + 1], {1.0}, false);
    plan_.back().keeps_base = true;
    add(i, times_[i + 1], times_[i + 1], {0.5, 0.5}, true);
    plan_.back().ends_step = true;
  }

  Plan plan() const { return plan_; }

 private:
  int64_t calls() const { return std::ssize(plan_) - idle_; }  // that are remembered

  NoiseLevel level(int64_t t) const { return t == 0 ? end_ : schedule_.level(t); }

  // A call at `call`, then the transfer from the step's beginning to `to` by a weighted mean of
  // eps.
  void add(size_t i, int64_t call, int64_t to, const std::vector<double>& eps_weights,
           bool from_base) {
    const StepWeights transfer = euler_step(schedule_.level(times_[i]), level(to));
    Stage stage;
    stage.t = call;
    stage.step = static_cast<int64_t>(i);
    stage.ends_step = false;
    (from_base ? stage.base_weight : stage.x_weight) = transfer.x_weight;
    for (const double weight : eps_weights) {
      stage.eps_weights.push_back(weight * transfer.eps_weight);
    }
    stage.x0_weights = {transfer.x0_weight};  // only where that level is nearly noise
    plan_.push_back(stage);
  }

  const Schedule& schedule_;
  std::span<const int64_t> times_;
  NoiseLevel end_;
  Plan plan_;
  std::vector<int64_t> starts_;
  int64_t idle_ = 0;
};

}  // namespace

Plan pndm_plan(const Schedule& schedule, std::span<const int64_t> times, PndmStart start,
               NoiseLevel end) {
  constexpr size_t kRungeKuttaSteps = 3;
  Builder builder(schedule, times, end);
  size_t done = 0;  // steps of the method itself
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const bool last = builder.is_last(i);
    if (builder.is_idle(i)) {
      builder.idle_step(i);
      continue;
    }
    if (is_nearly_noise(schedule.level(times[i]))) {
      builder.first_order_step(i);
      continue;
    }
    if (start == PndmStart::kRungeKutta && done < kRungeKuttaSteps && !last) {
      builder.runge_kutta_step(i);
    } else if (start == PndmStart::kMultistep && done == 0 && !last) {
      builder.step_twice(i);
    } else {
      builder.multistep(i);
    }
    ++done;
  }
  return builder.plan();
}

}  // namespace ddpm
