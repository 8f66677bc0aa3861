// The settings of a chain in the text of a PNG, which also identify it.

#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/sha256.h"
#include "ddpm/base/text.h"
#include "ddpm/base/version.h"
#include "ddpm/jobs/chain.h"

namespace ddpm {

namespace {

constexpr size_t kDigestDigits = 16;

// The functions below name every member, so that one that is added does not compile before it is
// here: a setting that is missing lets two jobs share their images.

Json to_json(const Churn& churn) {
  const auto& [amount, least_u, most_u, noise_scale] = churn;
  return {amount, least_u, most_u, noise_scale};
}

Json to_json(const DpmRule& rule) {
  const auto& [heun, first_order_end] = rule;
  return {heun, first_order_end};
}

Json to_json(const Parity& parity) {
  const auto& [stride, betas, zero_snr_floor, pndm_of_v, pndm_unguarded, plain_variance, end_noise,
               sigmas] = parity;
  Json levels = Json::array();
  for (const auto& [t, sigma] : sigmas) levels.push_back({t, sigma});
  return {stride,         betas,          zero_snr_floor, pndm_of_v,
          pndm_unguarded, plain_variance, end_noise,      levels};
}

// What has no effect has one value, whatever was asked for.
Json to_json(const SamplerOptions& options, const Parity& parity) {
  const auto& [kind, variance, eta, churn, dpm, clip_x0, clip_range, threshold_quantile,
               threshold_max, rederive_eps, ends_at_one, float32_estimates, planner] = options;
  const bool draws_by_variance = traits_of(kind).takes_variance;
  const bool clips = clip_x0 && threshold_quantile == 0.0;
  return {to_string(kind),
          draws_by_variance ? to_string(variance) : "none",
          eta,
          to_json(churn),
          to_json(dpm),
          clip_x0,
          clips ? clip_range : 0.0,
          threshold_quantile,
          threshold_quantile > 0.0 ? threshold_max : 0.0,
          rederive_eps,
          ends_at_one,
          to_json(parity)};
}

// Of all numbers that the images depend on, those too that are shown by a word or not at all.
std::string digest_of(const Chain& chain) {
  const auto& [times, options, parity, rounding, text] = chain;
  const Json all = {times, to_json(options, parity), static_cast<int>(rounding)};
  return sha256_hex(as_bytes(json_line(all))).substr(0, kDigestDigits);
}

std::string times_text(const SamplerRequest& request, const SamplingConfig& sampling) {
  if (!request.times.empty()) return "times " + join(request.times, ",");
  if (!request.respacing.empty()) return "respacing " + request.respacing;
  if (!takes_its_times(request)) return spacing_name(request);
  const int64_t offset = sampling.steps_offset;
  return concat(spacing_of(sampling), offset > 0 ? concat(", offset ", offset) : "");
}

}  // namespace

PngText chain_text(const SamplerRequest& request, const SamplingConfig& sampling,
                   const Chain& chain) {
  const SamplerOptions& options = chain.options;
  const bool draws_by_variance = traits_of(options.kind).takes_variance;
  ParitySwitches switches = switches_of(request);
  const ParitySwitchRow& eps = row_of(ParitySwitch::kEps);  // which has a line of its own
  const bool raw_eps = switches.has(eps.value);
  switches.set(eps.value, false);
  const std::string others = parity_text(switches);
  return {{"Software", concat("ddpm ", kVersion)},
          {"sampler", to_string(options.kind)},
          {"steps", std::to_string(chain.times.size() - 1)},
          {"spacing", times_text(request, sampling)},
          {"clip", bound_text(options)},
          {"variance", draws_by_variance ? to_string(options.variance) : "none"},
          {"eta", shortest(options.eta)},
          {"churn", shortest(options.churn.amount)},
          {"end", options.ends_at_one ? "t = 1" : "t = 0"},
          {"solver", options.dpm.heun ? "heun" : "midpoint"},
          {"last step", options.dpm.first_order_end ? "first order" : "as the others"},
          {"eps", std::string(raw_eps ? eps.theirs : eps.ours)},
          {"parity", others.empty() ? "none" : others},
          {"chain", digest_of(chain)}};
}

}  // namespace ddpm
