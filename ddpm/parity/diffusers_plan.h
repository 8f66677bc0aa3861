// Sampling plans as diffusers' schedulers compute them.

#pragma once

#include <initializer_list>
#include <span>
#include <string>

#include "ddpm/parity/switches.h"
#include "ddpm/sampling/sampler.h"

namespace ddpm {

// The scheduler of diffusers by whose formulas a sampler steps.
enum class DiffusersRule { kNone, kDdpm, kDdim, kPndm, kDpm };
DiffusersRule diffusers_rule(SamplerKind kind);

// The names of the samplers with one of these rules, as "pndm or plms".
std::string samplers_by(std::initializer_list<DiffusersRule> rules);
// Of all samplers that have a rule.
std::string samplers_with_a_rule();

// The plan of these options with what `parity` switches, in the arithmetic of diffusers: float32 if
// parity.betas are given, otherwise float64. With nothing switched it is the plan of sampler_plan
// except for rounding. Throws InvalidArgument for a sampler without a rule, and for a stride
// that leads beyond the schedule.
Plan diffusers_plan(const SamplerOptions& options, const Parity& parity, const Schedule& schedule,
                    std::span<const int64_t> times);

// Makes the options sample by diffusers_plan if `parity` changes plans; otherwise does nothing.
void use_parity(const Parity& parity, SamplerOptions& options);

}  // namespace ddpm
