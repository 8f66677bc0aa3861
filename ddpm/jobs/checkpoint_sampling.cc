// The sampling that a checkpoint describes, in this library's types.

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/jobs/chain.h"

namespace ddpm {

SamplerKind sampler_of(const SamplingConfig& sampling) {
  switch (sampling.scheduler) {
    case SchedulerClass::kDdpm:
      return SamplerKind::kAncestral;
    case SchedulerClass::kDdim:
      return SamplerKind::kDdim;
    case SchedulerClass::kPndm:
      return sampling.skips_runge_kutta ? SamplerKind::kPlms : SamplerKind::kPndm;
    case SchedulerClass::kDpmMultistep:
      // the first order with noise is ddpm's step with the variance beta-tilde
      if (sampling.solver_order == 1) {
        return sampling.stochastic ? SamplerKind::kAncestral : SamplerKind::kDpm1S;
      }
      return sampling.stochastic ? SamplerKind::kDpm2MSde : SamplerKind::kDpm2M;
  }
  throw std::logic_error("chain: an unknown scheduler");
}

std::string spacing_of(const SamplingConfig& sampling) {
  if (sampling.karras) return "karras";
  const bool dpm = sampling.scheduler == SchedulerClass::kDpmMultistep;
  return dpm && sampling.spacing != "trailing" ? "dpm_" + sampling.spacing : sampling.spacing;
}

void bound_x0(const std::string& command, const X0Bound& bound, const SamplingConfig& sampling,
              SamplerOptions& options) {
  using Kind = X0Bound::Kind;
  options.clip_x0 = bound.kind != Kind::kNone;
  switch (bound.kind) {
    case Kind::kNone:
      return;
    case Kind::kRange:
      DDPM_CHECK(bound.range > 0.0 && std::isfinite(bound.range), command,
                 ": --clip: expected a number above 0, got ", bound.range);
      options.clip_range = bound.range;
      return;
    case Kind::kQuantile:
      DDPM_CHECK(bound.quantile > 0.0 && bound.quantile <= 1.0, command,
                 ": --threshold-quantile: expected a number in (0, 1], got ", bound.quantile);
      options.threshold_quantile = bound.quantile;
      options.threshold_max = bound.max;
      return;
    case Kind::kOfCheckpoint:
      options.clip_x0 = sampling.clip;
      options.clip_range = sampling.clip_range;
      if (!sampling.thresholding) return;
      options.threshold_quantile = sampling.threshold_quantile;
      options.threshold_max = sampling.threshold_max;
  }
}

std::string bound_text(const SamplerOptions& options) {
  if (options.threshold_quantile > 0.0) {
    return concat("quantile ", shortest(options.threshold_quantile), ", at most ",
                  shortest(options.threshold_max));
  }
  if (!options.clip_x0) return "no";
  const std::string range = shortest(options.clip_range);
  return options.clip_range == 1.0 ? "yes" : concat("[-", range, ", ", range, "]");
}

std::string sampling_text(const SamplingConfig& sampling) {
  SamplerOptions options;
  bound_x0("info", {}, sampling, options);
  std::vector<std::string> parts = {to_string(sampler_of(sampling)),
                                    spacing_of(sampling) + " times"};
  if (sampling.steps_offset > 0) parts.push_back(concat("offset ", sampling.steps_offset));
  if (std::isfinite(sampling.lambda_min)) {
    parts.push_back(concat("lambda from ", shortest(sampling.lambda_min)));
  }
  const std::string bound = bound_text(options);
  parts.push_back(bound == "yes" ? "x_0 clipped" : bound == "no" ? "x_0 free" : "x_0: " + bound);
  if (sampling.ends_at_one) parts.emplace_back("ends at t = 1");
  if (sampling.heun) parts.emplace_back("heun");
  return join(parts, ", ");
}

}  // namespace ddpm
