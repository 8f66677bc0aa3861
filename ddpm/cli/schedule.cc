// `ddpm schedule`: noise schedules in numbers and as a picture, one or several side by side.

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/schedule_flags.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/jobs/schedules.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

namespace {

struct ScheduleCommandFlags {
  std::string kinds = "linear";
  ScheduleFlags process;
  std::string checkpoint;
  std::vector<int64_t> times;
  std::string csv;
  std::string out;
};

std::shared_ptr<ScheduleCommandFlags> declare(Flags& flags) {
  auto values = std::make_shared<ScheduleCommandFlags>();
  flags.text("--schedule", values->kinds, "NAME,NAME,..",
             "one or several of " + join(named_schedules(), ", "));
  declare_schedule_flags(flags, values->process);
  flags.text("--checkpoint", values->checkpoint, "RUN|CHECKPOINT",
             "show the schedule of a checkpoint beside them");
  flags.integers("--times", values->times, "the times of the table, in [1, T]; none: eleven");
  flags.text("--csv", values->csv, "FILE.csv", "write every time of every schedule");
  flags.text("--out", values->out, "FILE.png", "draw them");
  return values;
}

SchedulesRequest request_of(const ScheduleCommandFlags& flags) {
  SchedulesRequest request{.checkpoint = flags.checkpoint};
  const std::vector<std::string> names = split(flags.kinds, ',');
  DDPM_CHECK(flags.process.betas.empty() || std::count(names.begin(), names.end(), "list") > 0,
             "schedule: --betas belong to --schedule list, got --schedule ", flags.kinds);
  for (const std::string& name : names) {
    request.schedules.push_back(schedule_config("schedule", name, flags.process));
  }
  return request;
}

std::vector<int64_t> times_of(const ScheduleCommandFlags& flags, int64_t T) {
  if (!flags.times.empty()) {
    for (const int64_t t : flags.times) {
      DDPM_CHECK(t >= 1 && t <= T, "schedule: --times must lie in [1, ", T, "], got ", t);
    }
    return flags.times;
  }
  constexpr int64_t kRows = 10;
  std::vector<int64_t> times;
  for (int64_t i = 0; i <= kRows; ++i) {
    const int64_t t = std::max<int64_t>(1, T * i / kRows);
    if (times.empty() || t > times.back()) times.push_back(t);
  }
  return times;
}

std::string table_of(const NamedSchedule& named, const std::vector<int64_t>& times) {
  std::string text = named.name + ", T = " + std::to_string(named.schedule.steps()) + "\n       t";
  char cell[64];
  for (const ScheduleQuantity& quantity : schedule_quantities()) {
    std::snprintf(cell, sizeof(cell), "  %18s", quantity.column);
    text += cell;
  }
  for (const int64_t t : times) {
    std::snprintf(cell, sizeof(cell), "\n%8lld", static_cast<long long>(t));
    text += cell;
    for (const ScheduleQuantity& quantity : schedule_quantities()) {
      std::snprintf(cell, sizeof(cell), "  %18.10g", quantity.at(named.schedule, t));
      text += cell;
    }
  }
  const double prior = prior_bits_at(named.schedule, named.schedule.steps());
  return text + "\nL_T " + shortest(prior) + " bits per dimension for x_0^2 = 1\n";
}

std::string csv_of(const std::vector<NamedSchedule>& schedules) {
  std::vector<std::string> fields = {"schedule", "t"};
  for (const ScheduleQuantity& quantity : schedule_quantities())
    fields.emplace_back(quantity.column);
  std::string text = csv_line(fields);
  for (const NamedSchedule& named : schedules) {
    for (int64_t t = 1; t <= named.schedule.steps(); ++t) {
      fields = {named.name, std::to_string(t)};
      for (const ScheduleQuantity& quantity : schedule_quantities()) {
        fields.push_back(shortest(quantity.at(named.schedule, t)));
      }
      text += csv_line(fields);
    }
  }
  return text;
}

// The first schedule as a configuration that trains.
std::string next_command(const ScheduleCommandFlags& flags, int64_t T, const std::string& program) {
  const std::string kind = split(flags.kinds, ',').front();
  const ScheduleFlags defaults;
  NextCommand next(program, "plan");
  next.flag("--schedule", kind)
      .flag_unless(defaults.T, "--T", T)
      .flag_unless(defaults.beta_1, "--beta-1", flags.process.beta_1)
      .flag_unless(defaults.beta_T, "--beta-T", flags.process.beta_T);
  if (flags.process.zero_terminal_snr) next.word("--zero-terminal-snr");
  if (kind == "list") next.flag("--betas", flags.process.betas);
  constexpr int64_t kPreviewSteps = 50;
  if (T < kPreviewSteps) next.flag("--sample-steps", T);
  return next.flag("--prediction", "v").line();  // which every schedule allows
}

int run_schedule(const ScheduleCommandFlags& flags, const std::string& program) {
  JobFiles files("schedule");
  add_checkpoint(files, flags.checkpoint);
  files.reads("--betas", flags.process.betas);
  files.writes("--csv", flags.csv, Content::kCsv);
  files.writes("--out", flags.out, Content::kPng);
  files.check();
  const std::vector<NamedSchedule> all = schedules(request_of(flags));
  for (const auto& [flag, path] : {std::pair("--csv", flags.csv), {"--out", flags.out}}) {
    if (!path.empty()) std::cout << files.shown(flag) << std::endl;
  }
  std::vector<std::string> tables;
  for (const NamedSchedule& named : all) {
    tables.push_back(table_of(named, times_of(flags, named.schedule.steps())));
  }
  std::cout << join(tables, "\n");
  if (!flags.csv.empty()) files.write("--csv", csv_of(all));
  if (!flags.out.empty()) files.write("--out", encode_picture(plot_of(all)));
  std::cout << next_command(flags, all[0].schedule.steps(), program) << std::endl;
  return 0;
}

}  // namespace

Command schedule_command() {
  return {.name = "schedule",
          .summary = "noise schedules in numbers and as a picture",
          .example = "ddpm schedule --schedule linear,cosine,sigmoid --out schedules.png",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            auto values = declare(flags);
            return
                [values](const TorchHooks& hooks) { return run_schedule(*values, hooks.program); };
          }};
}

}  // namespace ddpm
