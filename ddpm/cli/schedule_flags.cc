#include "ddpm/cli/schedule_flags.h"

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/config/field_codec.h"

namespace ddpm {

namespace {

// As `train` reads them.
std::vector<double> betas_from(const std::string& command, const std::string& text) {
  try {
    return shares_or_file().parse("betas", text);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(command, ": --betas: ", error.what()));
  }
}

}  // namespace

void declare_schedule_flags(Flags& flags, ScheduleFlags& values) {
  flags.integer("--T", values.T, "the number of steps", 1, Schedule::kMaxSteps);
  flags.number("--beta-1", values.beta_1, "where the betas begin, of the schedules that have ends",
               0.0, 1.0);
  flags.number("--beta-T", values.beta_T, "where they end; of constant, all of them", 0.0, 1.0);
  flags.toggle("--zero-terminal-snr", values.zero_terminal_snr,
               "rescale the betas so that nothing of the image is left at T");
  flags.text("--betas", values.betas, "B,B,..|FILE",
             "the betas of the schedule list, or a file of them; T is how many they are");
}

std::vector<std::string> named_schedules() {
  std::vector<std::string> names;
  for (const ScheduleKind kind : all_schedule_kinds()) names.push_back(to_string(kind));
  names.push_back(to_string(ScheduleKind::kList));
  return names;
}

ScheduleConfig schedule_config(const std::string& command, const std::string& kind,
                               const ScheduleFlags& flags) {
  ScheduleConfig config{.kind = schedule_kind_from(kind),
                        .T = flags.T,
                        .beta_1 = flags.beta_1,
                        .beta_T = flags.beta_T,
                        .zero_terminal_snr = flags.zero_terminal_snr};
  if (config.kind != ScheduleKind::kList) return config;
  DDPM_CHECK(!flags.betas.empty(), command, ": --schedule list wants its betas with --betas");
  config.betas = betas_from(command, flags.betas);
  const int64_t T = std::ssize(config.betas);
  DDPM_CHECK(flags.T == T || flags.T == ScheduleFlags().T, command, ": --T is ", flags.T,
             ", but --betas are ", T);
  config.T = T;
  return config;
}

}  // namespace ddpm
