// What a checkpoint says of its sampling, in this library's words.

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

void bound_x0(const std::string& command, const SamplerFlags& flags, const SamplingConfig& sampling,
              SamplerOptions& options) {
  const bool thresholds = flags.threshold_quantile > 0.0;
  const bool given = flags.clip != kOfCheckpoint;
  const bool none = flags.no_clip || flags.clip == "no";
  const char* no_clip = flags.no_clip ? "--no-clip" : "--clip";
  DDPM_CHECK(!thresholds || (!flags.no_clip && !given), command, ": ", no_clip,
             " and --threshold-quantile exclude each other");
  DDPM_CHECK(!flags.no_clip || !given, command, ": --no-clip and --clip exclude each other");
  DDPM_CHECK(!flags.raw_eps || !none, command, ": --raw-eps is of a clipped x_0, so it excludes ",
             no_clip, none && given ? " no" : "");
  DDPM_CHECK(thresholds || flags.threshold_max == 1.0, command,
             ": --threshold-max belongs to --threshold-quantile");
  options.clip_x0 = !none;
  if (thresholds) {
    options.threshold_quantile = flags.threshold_quantile;
    options.threshold_max = flags.threshold_max;
  } else if (given && !none) {
    const auto range = parse_double(flags.clip);
    DDPM_CHECK(range && *range > 0.0 && std::isfinite(*range), command,
               ": --clip: wanted checkpoint, no or a number above 0, got '", flags.clip, "'");
    options.clip_range = *range;
  } else if (!none) {
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
