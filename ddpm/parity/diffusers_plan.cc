#include "ddpm/parity/diffusers_plan.h"

#include <cmath>

#include "ddpm/base/check.h"
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

template <typename Real>
Plan plan_in(const SamplerOptions& options, const Parity& parity, const Schedule& schedule,
             Times times) {
  switch (options.kind) {
    case SamplerKind::kAncestral:
      return ddpm_plan<Real>(options, parity, schedule, times);
    case SamplerKind::kDdim:
      return ddim_plan<Real>(options, parity, schedule, times);
    case SamplerKind::kPndm:
    case SamplerKind::kPlms:
      return diffusers_pndm_plan<Real>(options, parity, schedule, times);
    case SamplerKind::kDpm1S:
    case SamplerKind::kDpm2M:
    case SamplerKind::kDpm2MSde:
      return dpm_plan<Real>(options, parity, schedule, times);
    default:
      break;
  }
  throw InvalidArgument(concat("sampling: wanted ddpm, ddim, pndm, plms, dpmpp_1s, dpmpp_2m or ",
                               "dpmpp_2m_sde for what diffusers does otherwise, got ",
                               to_string(options.kind)));
}

}  // namespace

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
