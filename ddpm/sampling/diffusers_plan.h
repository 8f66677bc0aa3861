// Plans as diffusers' schedulers walk them.

#pragma once

#include <span>

#include "ddpm/sampling/sampler.h"

namespace ddpm {

// The plan of these options with what options.parity switches, in the arithmetic of diffusers:
// float32 if options.parity.betas are given, else float64. With nothing switched it is the plan of
// sampler_plan but for rounding. Throws InvalidArgument for samplers that diffusers' DDPM, DDIM,
// PNDM and multistep DPM-Solver do not have, and for a stride that leads beyond the schedule.
Plan diffusers_plan(const SamplerOptions& options, const Schedule& schedule,
                    std::span<const int64_t> times);

}  // namespace ddpm
