// Sampling plans as diffusers' schedulers compute them.

#pragma once

#include <span>

#include "ddpm/parity/switches.h"
#include "ddpm/sampling/sampler.h"

namespace ddpm {

// The plan of these options with what `parity` switches, in the arithmetic of diffusers: float32 if
// parity.betas are given, otherwise float64. With nothing switched it is the plan of sampler_plan
// except for rounding. Throws InvalidArgument for samplers that diffusers' DDPM, DDIM, PNDM and
// multistep DPM-Solver do not have, and for a stride that leads beyond the schedule.
Plan diffusers_plan(const SamplerOptions& options, const Parity& parity, const Schedule& schedule,
                    std::span<const int64_t> times);

// Makes the options sample by diffusers_plan if `parity` changes plans; otherwise does nothing.
void use_parity(const Parity& parity, SamplerOptions& options);

}  // namespace ddpm
