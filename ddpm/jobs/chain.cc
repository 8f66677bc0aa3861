#include "ddpm/jobs/chain.h"

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/float32_schedule.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/parity/diffusers_plan.h"
#include "ddpm/parity/diffusers_times.h"

namespace ddpm {

namespace {

// By most samplers fifty steps are near what a thousand give; by ddpm every time is visited.
constexpr int64_t kDefaultSteps = 50;
constexpr const char* kKarras = "karras";

// Whether the times are spaced as the checkpoint has it, unless they are given.
bool is_of_checkpoint(const SamplerRequest& request) { return !request.karras && !request.spacing; }

bool takes_its_sampler(const SamplerRequest& request) { return !request.sampler; }

int64_t steps_of(const SamplerRequest& request, SamplerKind kind, int64_t T) {
  if (request.steps > 0) return request.steps;
  return traits_of(kind).visits_every_time ? T : std::min(kDefaultSteps, T);
}

// A flag that only samplers with this trait have.
void check_belongs(const std::string& command, bool given, const char* flag,
                   bool SamplerTraits::*trait, SamplerKind kind) {
  DDPM_CHECK(!given || traits_of(kind).*trait, command, ": ", flag, " belongs to --sampler ",
             samplers_with(trait), ", got --sampler ", to_string(kind));
}

// What fits together, but for the times and the bounds.
void check_request(const std::string& command, const SamplerRequest& request, SamplerKind kind,
                   int64_t T) {
  DDPM_CHECK(request.steps <= T, command, ": --steps must be at most the checkpoint's T, ", T,
             ", got ", request.steps);
  check_belongs(command, request.eta != 0.0, "--eta", &SamplerTraits::takes_eta, kind);
  check_belongs(command, request.churn != 0.0, "--churn", &SamplerTraits::takes_churn, kind);
  const int ways = (request.steps > 0 ? 1 : 0) + (request.respacing.empty() ? 0 : 1) +
                   (request.times.empty() ? 0 : 1);
  DDPM_CHECK(ways <= 1, command, ": --steps, --respacing and --times exclude each other");
  const bool named = !request.respacing.empty() || !request.times.empty();
  DDPM_CHECK(!named || !is_given(request, ParitySwitch::kLists), command,
             ": --lists diffusers excludes --respacing and --times");
}

// Karras spacing with levels between times, in float32 or float64.
SigmaTimes karras_list(const ModelConfig& model, const Schedule& schedule, int64_t steps,
                       bool f32) {
  const bool rounds_down = model.schedule.kind == ScheduleKind::kCosine;
  if (f32) {
    return diffusers_karras_times(float32_alpha_bar(float32_betas(model.schedule)), steps,
                                  rounds_down);
  }
  std::vector<double> table;
  for (int64_t t = 1; t <= schedule.steps(); ++t) table.push_back(schedule.alpha_bar(t));
  return diffusers_karras_times(table, steps, rounds_down);
}

// The times of --spacing or of the checkpoint, and with them the levels between times.
void spaced_times(const SamplerRequest& request, const ModelConfig& model, const Schedule& schedule,
                  int64_t steps, Chain& chain) {
  const ParitySwitches switches = switches_of(request);
  const bool its_own = is_of_checkpoint(request);
  const std::string spacing = its_own ? spacing_of(model.sampling) : spacing_name(request);
  if (spacing == kKarras) {
    const bool is_dpm = diffusers_rule(chain.options.kind) == DiffusersRule::kDpm;
    const bool sigmas = switches.has(ParitySwitch::kKarras) && is_dpm;
    DDPM_CHECK(sigmas || !is_given(request, ParitySwitch::kKarras),
               "--karras sigmas belongs to --sampler ", samplers_by({DiffusersRule::kDpm}),
               ", got --sampler ", to_string(chain.options.kind));
    if (!sigmas) {
      chain.times = karras_times(schedule, steps);
      return;
    }
    const SigmaTimes list =
        karras_list(model, schedule, steps, switches.has(ParitySwitch::kTables));
    chain.times = list.times;
    chain.parity.sigmas = list.sigmas;
    return;
  }
  DDPM_CHECK(!is_given(request, ParitySwitch::kKarras),
             "--karras sigmas belongs to --spacing karras, got --spacing ", spacing);
  const int64_t offset = its_own ? model.sampling.steps_offset : 0;
  const int64_t last =
      its_own ? latest_time_above(schedule, model.sampling.lambda_min) : schedule.steps();
  chain.times = switches.has(ParitySwitch::kLists)
                    ? diffusers_times({.spacing = spacing_from(spacing),
                                       .T = schedule.steps(),
                                       .steps = steps,
                                       .offset = offset,
                                       .last = last,
                                       .runge_kutta = chain.options.kind == SamplerKind::kPndm})
                    : times_for(spacing_from(spacing), last, steps, offset);
}

void choose_times(const SamplerRequest& request, const ModelConfig& model, Chain& chain) {
  const Schedule schedule = make_schedule(model.schedule);
  if (!request.times.empty()) {
    chain.times = request.times;
    chain.times.push_back(0);
    check_times(chain.times, schedule.steps());
  } else if (!request.respacing.empty()) {
    chain.times = respaced_times(request.respacing, schedule.steps());
  } else {
    const int64_t steps = steps_of(request, chain.options.kind, schedule.steps());
    spaced_times(request, model, schedule, steps, chain);
  }
}

// The rule of a step, but for the bounds of x_0 and the times.
void choose_rule(const SamplerRequest& request, const ModelConfig& model, Chain& chain) {
  SamplerOptions& options = chain.options;
  const SamplingConfig& sampling = model.sampling;
  options.kind = request.sampler.value_or(sampler_of(sampling));
  options.variance = request.variance.value_or(model.variance);
  const bool dpm =
      takes_its_sampler(request) && sampling.scheduler == SchedulerClass::kDpmMultistep;
  if (dpm && options.kind == SamplerKind::kAncestral && !request.variance) {
    options.variance = Variance::kFixedSmall;  // as much noise as dpmpp_2m_sde has
  }
  options.dpm.heun = dpm && sampling.heun;
  options.eta = request.eta;
  options.churn.amount = request.churn;
  options.ends_at_one =
      takes_its_times(request) && sampling.ends_at_one && traits_of(options.kind).takes_end_at_one;
}

// Where the checkpoint's DPM-Solver ends at first order, which depends on how many steps there are.
void choose_end(const SamplerRequest& request, const SamplingConfig& sampling, Chain& chain) {
  constexpr int64_t kFewSteps = 15;
  if (!takes_its_sampler(request) || sampling.scheduler != SchedulerClass::kDpmMultistep) return;
  const bool few = std::ssize(chain.times) - 1 < kFewSteps;
  chain.options.dpm.first_order_end =
      sampling.euler_at_final || (sampling.lower_order_final && few);
}

// Throws InvalidArgument, before anything is sampled, unless every step has finite weights.
void check_steps(const std::string& command, const ModelConfig& model, const Chain& chain) {
  const SamplerOptions& options = chain.options;
  const Schedule schedule = make_schedule(model.schedule);
  Plan plan;
  try {
    plan = sampler_plan(options, schedule, chain.times);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(command, ": ", error.what()));
  }
  check_plan(plan, model.prediction, schedule, has_unbounded_x0(options), command);
}

}  // namespace

std::string spacing_name(const SamplerRequest& request) {
  return request.karras ? kKarras : to_string(request.spacing.value());
}

bool is_given(const SamplerRequest& request, ParitySwitch value) {
  return request.switches[static_cast<size_t>(value)].value_or(false);
}

bool takes_its_times(const SamplerRequest& request) {
  return is_of_checkpoint(request) && request.respacing.empty() && request.times.empty();
}

Chain chain_of(const std::string& command, const SamplerRequest& request,
               const ModelConfig& model) {
  Chain chain;
  choose_rule(request, model, chain);
  check_request(command, request, chain.options.kind, model.schedule.T);
  bound_x0(command, request.bound, model.sampling, chain.options);
  try {
    choose_times(request, model, chain);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(command, ": ", error.what()));
  }
  choose_end(request, model.sampling, chain);
  apply_parity(command, request, model, chain);
  check_steps(command, model, chain);
  chain.text = chain_text(request, model.sampling, chain);
  return chain;
}

}  // namespace ddpm
