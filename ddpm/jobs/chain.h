// The parts of chain_of: what request and checkpoint select together, piece by piece.

#pragma once

#include <string>

#include "ddpm/jobs/sampler_request.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

// The sampler that the checkpoint names.
SamplerKind sampler_of(const SamplingConfig& sampling);

// "trailing", .., or "karras": the spacing that the checkpoint names.
std::string spacing_of(const SamplingConfig& sampling);

// What bounds x_0, into the options. Throws InvalidArgument that starts with `command` for numbers
// out of their ranges.
void bound_x0(const std::string& command, const X0Bound& bound, const SamplingConfig& sampling,
              SamplerOptions& options);

// "yes", "no", "[-2, 2]", "quantile 0.995, at most 1.5".
std::string bound_text(const SamplerOptions& options);

// The switches of the program, and those that are given by themselves.
ParitySwitches switches_of(const SamplerRequest& request);

// Whether a switch is given by itself, as other programs have it.
bool is_given(const SamplerRequest& request, ParitySwitch value);

// "trailing", .., or "karras": the spacing that the request names.
std::string spacing_name(const SamplerRequest& request);

// Whether the times are those that the checkpoint names.
bool takes_its_times(const SamplerRequest& request);

// Every setting of the chain by name, the same names for every chain: two chains of equal text make
// the same images, bit for bit, of the same network and noise.
PngText chain_text(const SamplerRequest& request, const SamplingConfig& sampling,
                   const Chain& chain);

// Of the chain, whose kind, variance and times are known: what the switches change of the steps.
// Throws InvalidArgument that starts with `command` for a switch that was given and has no meaning
// for this sampler.
void apply_parity(const std::string& command, const SamplerRequest& request,
                  const ModelConfig& model, Chain& chain);

// "next-time stride, eps raw": the switches that are not this library's own.
std::string parity_text(const ParitySwitches& switches);

// "ddim, leading times, offset 1, x_0 clipped": how the checkpoint is sampled by default.
std::string sampling_text(const SamplingConfig& sampling);

}  // namespace ddpm
