#include "ddpm/cli/schedule_flags.h"

namespace ddpm {

void declare_schedule_flags(Flags& flags, ScheduleFlags& values) {
  flags.integer("--T", values.T, "the number of steps", 1, Schedule::kMaxSteps);
  flags.number("--beta-1", values.beta_1, "where the betas begin, of the schedules that have ends",
               0.0, 1.0);
  flags.number("--beta-T", values.beta_T, "where they end; of constant, all of them", 0.0, 1.0);
  flags.toggle("--zero-terminal-snr", values.zero_terminal_snr,
               "rescale the betas so that nothing of the image is left at T");
}

std::vector<std::string> named_schedules() {
  std::vector<std::string> names;
  for (const ScheduleKind kind : all_schedule_kinds()) names.push_back(to_string(kind));
  return names;
}

ScheduleConfig schedule_config(const std::string& kind, const ScheduleFlags& flags) {
  return {.kind = schedule_kind_from(kind),
          .T = flags.T,
          .beta_1 = flags.beta_1,
          .beta_T = flags.beta_T,
          .zero_terminal_snr = flags.zero_terminal_snr};
}

}  // namespace ddpm
