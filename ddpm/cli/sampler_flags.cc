#include "ddpm/cli/sampler_flags.h"

#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr const char* kKarras = "karras";

std::vector<std::string> sampler_names() {
  std::vector<std::string> names = {kOfCheckpoint};
  for (const SamplerKind kind : all_sampler_kinds()) names.push_back(to_string(kind));
  return names;
}

void declare_bounds(Flags& flags, SamplerFlags& values) {
  flags.text("--clip", values.clip, "checkpoint|no|RANGE",
             "clip the predicted x_0 to [-RANGE, RANGE]; images are in [-1, 1]");
  flags.number("--threshold-quantile", values.threshold_quantile,
               "dynamic thresholding by this quantile of |x_0|, such as 0.995; 0: clipping", 0.0,
               1.0);
  flags.number("--threshold-max", values.threshold_max,
               "largest divisor of dynamic thresholding; at 1 it is clipping", 1.0, 1e6);
  flags.toggle("--no-clip", values.no_clip, "the same as --clip no");
  flags.toggle("--raw-eps", values.raw_eps,
               "where x_0 was clipped keep the network's eps, as diffusers' DDIM does, in place of "
               "the one that goes with the clipped x_0; the same as --eps raw");
}

void declare_parity(Flags& flags, SamplerFlags& values) {
  flags.choice("--parity", values.parity, parity_names(),
               "do as this program does, number for number; docs/parity.md");
  for (const ParitySwitchRow& one : parity_switches()) {
    flags.choice(concat("--", one.name), values.switches[one.value],
                 {kOfParity, std::string(one.ours), std::string(one.theirs)},
                 std::string(one.help));
  }
}

}  // namespace

void declare_sampler_flags(Flags& flags, SamplerFlags& values, const std::string& steps_help) {
  flags.choice("--sampler", values.sampler, sampler_names(), "the rule of a reverse step");
  flags.integer("--steps", values.steps, steps_help, 0);
  flags.number("--eta", values.eta, "noise of ddim: 0 none, 1 as much as ddpm", 0.0, 1.0);
  flags.number("--churn", values.churn,
               "of euler and heun: noise that is put back on the way, S_churn", 0.0, 1e6);
  flags.choice("--spacing", values.spacing,
               {kOfCheckpoint, "trailing", "leading", "linspace", "dpm_linspace", "dpm_leading",
                "quadratic", kKarras},
               "which times fewer steps visit; trailing begins at T");
  flags.text("--respacing", values.respacing, "N,N,..|ddimN",
             "instead of --steps: so many times of each section of 1 .. T, or a whole stride");
  flags.integers("--times", values.times,
                 "instead of --steps: the times to visit, falling, in [1, T]");
  flags.choice("--variance", values.variance, {kOfCheckpoint, "fixed_large", "fixed_small"},
               "of a ddpm step: as the checkpoint says, beta, or beta-tilde");
  declare_bounds(flags, values);
  declare_parity(flags, values);
}

namespace {

X0Bound bound_of(const std::string& command, const SamplerFlags& flags) {
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
  using Kind = X0Bound::Kind;
  if (thresholds) {
    return {
        .kind = Kind::kQuantile, .quantile = flags.threshold_quantile, .max = flags.threshold_max};
  }
  if (none) return {.kind = Kind::kNone};
  if (!given) return {};
  const auto range = parse_double(flags.clip);
  DDPM_CHECK(range && *range > 0.0 && std::isfinite(*range), command,
             ": --clip: wanted checkpoint, no or a number above 0, got '", flags.clip, "'");
  return {.kind = Kind::kRange, .range = *range};
}

}  // namespace

SamplerRequest sampler_request(const std::string& command, const SamplerFlags& flags) {
  SamplerRequest request{.steps = flags.steps,
                         .eta = flags.eta,
                         .churn = flags.churn,
                         .karras = flags.spacing == kKarras,
                         .respacing = flags.respacing,
                         .times = flags.times,
                         .bound = bound_of(command, flags),
                         .parity = flags.parity};
  if (flags.sampler != kOfCheckpoint) request.sampler = sampler_kind_from(flags.sampler);
  if (flags.variance != kOfCheckpoint) request.variance = variance_from(flags.variance);
  const bool named = flags.spacing != kOfCheckpoint && !request.karras;
  if (named) request.spacing = spacing_from(flags.spacing);
  for (const ParitySwitchRow& row : parity_switches()) {
    const std::string& word = flags.switches[row.value];
    if (word != kOfParity) request.switches[static_cast<size_t>(row.value)] = word == row.theirs;
  }
  if (flags.raw_eps) request.switches[static_cast<size_t>(ParitySwitch::kEps)] = true;
  return request;
}

void add_sampler_flags(NextCommand& next, const SamplerFlags& flags) {
  const SamplerFlags defaults;
  next.flag_unless(defaults.sampler, "--sampler", flags.sampler)
      .flag_unless(defaults.steps, "--steps", flags.steps)
      .flag_unless(defaults.eta, "--eta", flags.eta)
      .flag_unless(defaults.churn, "--churn", flags.churn)
      .flag_unless(defaults.clip, "--clip", flags.clip)
      .flag_unless(defaults.threshold_quantile, "--threshold-quantile", flags.threshold_quantile)
      .flag_unless(defaults.threshold_max, "--threshold-max", flags.threshold_max)
      .flag_unless(defaults.spacing, "--spacing", flags.spacing)
      .flag_unless(defaults.respacing, "--respacing", flags.respacing)
      .flag_unless(defaults.variance, "--variance", flags.variance)
      .flag_unless(defaults.parity, "--parity", flags.parity);
  for (const ParitySwitchRow& one : parity_switches()) {
    next.flag_unless(std::string(kOfParity), concat("--", one.name), flags.switches[one.value]);
  }
  if (!flags.times.empty()) next.flag("--times", join(flags.times, ","));
  if (flags.no_clip) next.word("--no-clip");
  if (flags.raw_eps) next.word("--raw-eps");
}

}  // namespace ddpm
