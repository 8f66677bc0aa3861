// PNDM as diffusers walks it: the rule of pndm.h with its next times, and with means of what the
// network said in place of means of eps.

#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "ddpm/parity/diffusers_steps_internal.h"
#include "ddpm/parity/diffusers_tables_internal.h"
#include "ddpm/sampling/sigma_steps.h"

namespace ddpm {

// The plan while it grows.
template <typename Real>
class DiffusersPndm {
 public:
  DiffusersPndm(const SamplerOptions& options, const Parity& parity, const Schedule& schedule,
                std::span<const int64_t> times)
      : tables_(options, parity, schedule), parity_(parity), times_(times) {}

  Plan plan(bool runge_kutta) {
    constexpr size_t kWarmUp = 3;
    size_t done = 0;  // steps of the method itself
    for (size_t i = 0; i + 1 < times_.size(); ++i) {
      const bool last = i + 2 == times_.size();
      if (!parity_.pndm_unguarded && is_nearly_noise(tables_.level(times_[i]))) {
        first_order_step(i);
        continue;
      }
      if (runge_kutta && done < kWarmUp && !last) {
        runge_kutta_step(i);
      } else if (!runge_kutta && done == 0 && !last) {
        step_twice(i);
      } else {
        multistep(i);
      }
      ++done;
    }
    return plan_;
  }

 private:
  // Adams and Bashforth's weights of the newest and those before it, by order.
  static const std::vector<double>& rule(size_t known) {
    static const std::array<std::vector<double>, 4> rules = {
        {{1.0},
         {3.0 / 2.0, -1.0 / 2.0},
         {23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0},
         {55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0}}};
    return rules[std::min(known, rules.size()) - 1];
  }

  // Where a stride is given the first half step goes half of it down from t, and the calls that
  // follow are half of it above s: two times if the list has other strides.
  void runge_kutta_step(size_t i) {
    const int64_t t = times_[i];
    const int64_t s = times_[i + 1];
    const int64_t half = parity_.stride > 0 ? parity_.stride / 2 : (t - s) / 2;
    const int64_t call = parity_.stride > 0 ? s + half : t - half;
    starts_.push_back(calls());
    add(i, t, {t, t - half}, {1.0}, Base::kKept);
    add(i, call, {t, call}, {1.0}, Base::kUsed);
    add(i, call, {t, s}, {1.0}, Base::kUsed);
    add(i, s, {t, s}, {1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0}, Base::kUsed);
    plan_.back().ends_step = true;
  }

  void multistep(size_t i) {
    starts_.push_back(calls());
    std::vector<double> weights;
    const std::vector<double>& newest_first = rule(starts_.size());
    for (size_t k = 0; k < newest_first.size(); ++k) {
      const auto ago = static_cast<size_t>(calls() - starts_[starts_.size() - 1 - k]);
      weights.resize(ago + 1, 0.0);
      weights[ago] = newest_first[k];
    }
    add(i, times_[i], {times_[i], tables_.next(times_, i)}, weights, Base::kNone);
    plan_.back().ends_step = true;
  }

  // The second time the step ends at the call and is thought to begin a stride above it.
  void step_twice(size_t i) {
    const int64_t t = times_[i];
    const int64_t s = times_[i + 1];
    starts_.push_back(calls());
    add(i, t, {t, tables_.next(times_, i)}, {1.0}, Base::kKept);
    add(i, s, {parity_.stride > 0 ? s + parity_.stride : t, s}, {0.5, 0.5}, Base::kUsed);
    plan_.back().ends_step = true;
  }

  void first_order_step(size_t i) {
    const NoiseLevel to = tables_.level(tables_.next(times_, i));
    plan_.push_back(single_stage(times_[i], static_cast<int64_t>(i),
                                 {.x0_weight = to.signal, .eps_weight = to.sigma}));
    plan_.back().level = tables_.level(times_[i]);
  }

  enum class Base { kNone, kKept, kUsed };  // x where the step began

  struct Transfer {
    int64_t from;
    int64_t to;
  };

  int64_t calls() const { return std::ssize(plan_); }

  void add(size_t i, int64_t call, Transfer way, const std::vector<double>& weights, Base base) {
    const StepWeights transfer =
        diffusers_pndm_transfer(tables_.alpha_bar(way.from), tables_.alpha_bar(way.to));
    Stage stage;
    stage.t = call;
    stage.step = static_cast<int64_t>(i);
    stage.ends_step = false;
    stage.level = tables_.level(call);
    stage.keeps_base = base == Base::kKept;
    (base == Base::kUsed ? stage.base_weight : stage.x_weight) = transfer.x_weight;
    for (const double weight : weights) stage.eps_weights.push_back(weight * transfer.eps_weight);
    plan_.push_back(stage);
    if (parity_.pndm_of_v) mean_of_outputs(way, transfer.eps_weight, weights);
  }

  // The newest stage with eps made of the mean m of past v at the level where the step began,
  // signal m + sigma x, whatever the levels of the calls.
  void mean_of_outputs(Transfer way, double eps_weight, const std::vector<double>& weights) {
    Stage& stage = plan_.back();
    const NoiseLevel from = tables_.level(way.from);
    (stage.base_weight != 0.0 ? stage.base_weight : stage.x_weight) += eps_weight * from.sigma;
    stage.eps_weights.clear();
    for (size_t k = 0; k < weights.size(); ++k) {  // v = signal eps - sigma x_0, of that call
      const NoiseLevel at = *plan_[plan_.size() - 1 - k].level;
      const double weight = weights[k] * eps_weight * from.signal;
      stage.eps_weights.push_back(weight * at.signal);
      stage.x0_weights.push_back(-weight * at.sigma);
    }
  }

  DiffusersTables<Real> tables_;
  const Parity& parity_;
  std::span<const int64_t> times_;
  Plan plan_;
  std::vector<int64_t> starts_;
};

template <typename Real>
Plan diffusers_pndm_plan(const SamplerOptions& options, const Parity& parity,
                         const Schedule& schedule, std::span<const int64_t> times) {
  DiffusersPndm<Real> method(options, parity, schedule, times);
  return method.plan(options.kind == SamplerKind::kPndm);
}

}  // namespace ddpm
