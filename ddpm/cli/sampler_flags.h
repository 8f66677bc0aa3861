// The flags that select a chain of reverse steps.

#pragma once

#include <string>

#include "ddpm/jobs/sampler_request.h"
#include "ddpm/terminal/flags.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

inline constexpr const char* kStepsHelp = "reverse steps; 0: all T by ddpm, 50 by the others";

void declare_sampler_flags(Flags& flags, SamplerFlags& values,
                           const std::string& steps_help = kStepsHelp);

// The flags that differ from their defaults, put behind a command that is suggested.
void add_sampler_flags(NextCommand& next, const SamplerFlags& flags);

}  // namespace ddpm
