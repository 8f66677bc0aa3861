// The flags that name a noise schedule.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/terminal/flags.h"

namespace ddpm {

// Those of `train` of the same names, and with the same meaning.
struct ScheduleFlags {
  int64_t T = 1000;
  double beta_1 = 1e-4;
  double beta_T = 0.02;
  bool zero_terminal_snr = false;
  std::string betas;  // of the schedule "list", which has as many steps
};

// Without the name of the kind, which a command has one of or several.
void declare_schedule_flags(Flags& flags, ScheduleFlags& values);

// The kinds as a command takes them.
std::vector<std::string> named_schedules();

// Throws InvalidArgument that starts with `command` for a list without betas and for betas without
// a list.
ScheduleConfig schedule_config(const std::string& command, const std::string& kind,
                               const ScheduleFlags& flags);

}  // namespace ddpm
