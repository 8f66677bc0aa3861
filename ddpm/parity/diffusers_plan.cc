#include "ddpm/parity/diffusers_plan.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusion/float32_schedule.h"
#include "ddpm/parity/diffusers_pndm_internal.h"
#include "ddpm/parity/diffusers_steps_internal.h"
#include "ddpm/parity/diffusers_tables_internal.h"

namespace ddpm {

namespace {

using Times = std::span<const int64_t>;

template <typename Real>
Plan ddpm_plan(const SamplerOptions& options, const Parity& parity, const Schedule& schedule,
               Times times) {
  const DiffusersTables<Real> tables(options, parity, schedule);
  Plan plan;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const int64_t t = times[i];
    const int64_t s = times[i + 1];
    const Real a = tables.alpha_bar(t);
    const Real b = tables.alpha_bar(s);
    Stage stage = single_stage(t, static_cast<int64_t>(i), diffusers_ddpm_step(a, b));
    stage.level = tables.level(t);
    const bool noisy = parity.end_noise ? t > 1 : b < 1;
    const auto variances = diffusers_variances(a, b);
    if (noisy && options.variance == Variance::kFixedLarge) {
      stage.noise_weight = std::sqrt(variances.large);
    } else if (noisy && options.variance == Variance::kFixedSmall) {
      stage.noise_weight = std::sqrt(variances.small);
    } else if (noisy && options.variance == Variance::kLearnedRange) {
      stage.learned_variance.emplace(
          LogVarianceRange{std::log(variances.small), std::log(variances.large)});
    } else if (noisy && parity.plain_variance) {
      stage.learned_variance = LearnedLogVariance::of_plain_output();
    } else if (noisy) {
      stage.learned_variance.emplace(options.variance, schedule, s, t);
    }
    plan.push_back(stage);
  }
  return plan;
}

template <typename Real>
Plan ddim_plan(const SamplerOptions& options, const Parity& parity, const Schedule& schedule,
               Times times) {
  const DiffusersTables<Real> tables(options, parity, schedule);
  Plan plan;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const int64_t t = times[i];
    const Real b = tables.alpha_bar(tables.next(times, i));
    plan.push_back(
        single_stage(t, static_cast<int64_t>(i),
                     diffusers_ddim_step(tables.alpha_bar(t), b, static_cast<Real>(options.eta))));
    plan.back().level = tables.level(t);
  }
  return plan;
}

template <typename Real>
Plan dpm_plan(const SamplerOptions& options, const Parity& parity, const Schedule& schedule,
              Times times) {
  using Point = DiffusersDpmPoint<Real>;
  const DiffusersTables<Real> tables(options, parity, schedule);
  const DiffusersDpmRule rule{.stochastic = options.kind == SamplerKind::kDpm2MSde,
                              .heun = options.dpm.heun};
  Plan plan;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const Point from(tables.u(times[i]));
    const Point to(tables.u(times[i + 1]));
    const DiffusersDpmWeights weights = diffusers_dpm_step(from, to, rule);
    Stage stage;
    stage.t = times[i];
    stage.step = static_cast<int64_t>(i);
    stage.level = from.level();
    stage.x_weight = weights.x;
    stage.x0_weights = {weights.x0};
    stage.noise_weight = weights.noise;
    const bool last = i + 2 == times.size();
    const bool first_order = options.kind == SamplerKind::kDpm1S || i == 0 || to.sigma == 0 ||
                             (last && options.dpm.first_order_end);
    if (!first_order) {  // [DPM++] algorithm 2
      const Real h_before = from.lambda - Point(tables.u(times[i - 1])).lambda;
      const Real r = h_before / (to.lambda - from.lambda);
      const double share = weights.slope * (1 / r);
      stage.x0_weights = {weights.x0 + share, -share};
    }
    plan.push_back(stage);
  }
  return plan;
}

struct Row {
  SamplerKind kind;
  DiffusersRule rule;
};
constexpr std::array<Row, 7> kRules = {{
    {SamplerKind::kAncestral, DiffusersRule::kDdpm},
    {SamplerKind::kDdim, DiffusersRule::kDdim},
    {SamplerKind::kPndm, DiffusersRule::kPndm},
    {SamplerKind::kPlms, DiffusersRule::kPndm},
    {SamplerKind::kDpm1S, DiffusersRule::kDpm},
    {SamplerKind::kDpm2M, DiffusersRule::kDpm},
    {SamplerKind::kDpm2MSde, DiffusersRule::kDpm},
}};

template <typename Real>
Plan plan_in(const SamplerOptions& options, const Parity& parity, const Schedule& schedule,
             Times times) {
  switch (diffusers_rule(options.kind)) {
    case DiffusersRule::kDdpm:
      return ddpm_plan<Real>(options, parity, schedule, times);
    case DiffusersRule::kDdim:
      return ddim_plan<Real>(options, parity, schedule, times);
    case DiffusersRule::kPndm:
      return diffusers_pndm_plan<Real>(options, parity, schedule, times);
    case DiffusersRule::kDpm:
      return dpm_plan<Real>(options, parity, schedule, times);
    case DiffusersRule::kNone:
      break;
  }
  throw InvalidArgument(concat("sampling: wanted ", samplers_with_a_rule(),
                               " for what diffusers does otherwise, got ",
                               to_string(options.kind)));
}

}  // namespace

DiffusersRule diffusers_rule(SamplerKind kind) {
  for (const Row& row : kRules) {
    if (row.kind == kind) return row.rule;
  }
  return DiffusersRule::kNone;
}

std::string samplers_by(std::initializer_list<DiffusersRule> rules) {
  std::vector<std::string> names;
  for (const Row& row : kRules) {
    if (std::count(rules.begin(), rules.end(), row.rule) > 0) names.push_back(to_string(row.kind));
  }
  return alternatives(names);
}

std::string samplers_with_a_rule() {
  return samplers_by(
      {DiffusersRule::kDdpm, DiffusersRule::kDdim, DiffusersRule::kPndm, DiffusersRule::kDpm});
}

Plan diffusers_plan(const SamplerOptions& options, const Parity& parity, const Schedule& schedule,
                    Times times) {
  check_times(times, schedule.steps());
  return parity.betas.empty() ? plan_in<double>(options, parity, schedule, times)
                              : plan_in<float>(options, parity, schedule, times);
}

void use_parity(const Parity& parity, SamplerOptions& options) {
  if (!parity.changes_plans()) return;
  options.float32_estimates = !parity.betas.empty();
  options.planner = [parity](const SamplerOptions& own, const Schedule& schedule, Times times) {
    return diffusers_plan(own, parity, schedule, times);
  };
}

}  // namespace ddpm
