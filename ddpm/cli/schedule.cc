// `ddpm schedule`: noise schedules in numbers and as a picture, one or several side by side.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/schedule_flags.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/plot/line_plot.h"
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

struct NamedSchedule {
  std::string name;
  Schedule schedule;
};

// What is shown of a schedule at t, in [1, T].
struct Quantity {
  const char* column;
  const char* title;
  bool log_axis;
  double (*at)(const Schedule& schedule, int64_t t);
};

double log_snr_at(const Schedule& schedule, int64_t t) { return 2.0 * schedule.level(t).lambda(); }

double prior_bits_at(const Schedule& schedule, int64_t t) {
  return prior_term_at(schedule, t, /*power=*/1.0) / kNatsPerBit;
}

constexpr std::array<Quantity, 5> kQuantities = {{
    {"beta", "beta: the variance that a step adds", true,
     [](const Schedule& schedule, int64_t t) { return schedule.beta(t); }},
    {"alpha_bar", "alpha_bar: the power that is left of the image", false,
     [](const Schedule& schedule, int64_t t) { return schedule.alpha_bar(t); }},
    {"log_snr", "log SNR = ln(alpha_bar / (1 - alpha_bar))", false, log_snr_at},
    {"posterior_variance", "beta_tilde: the variance of q(x_{t-1} | x_t, x_0)", true,
     [](const Schedule& schedule, int64_t t) { return schedule.posterior(t).variance; }},
    {"prior_bits", "L_T if T were t, in bits per dimension, for x_0^2 = 1", true, prior_bits_at},
}};

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

std::vector<NamedSchedule> schedules_of(const ScheduleCommandFlags& flags) {
  std::vector<NamedSchedule> all;
  const std::vector<std::string> names = split(flags.kinds, ',');
  DDPM_CHECK(flags.process.betas.empty() || std::count(names.begin(), names.end(), "list") > 0,
             "schedule: --betas belong to --schedule list, got --schedule ", flags.kinds);
  for (const std::string& name : names) {
    all.push_back({name, make_schedule(schedule_config("schedule", name, flags.process))});
  }
  if (!flags.checkpoint.empty()) {
    const auto folder = require_checkpoint("schedule", "--checkpoint", flags.checkpoint);
    const ModelConfig model = read_model_config(folder);
    all.push_back({folder.filename().string(), make_schedule(model.schedule)});
  }
  return all;
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
  for (const Quantity& quantity : kQuantities) {
    std::snprintf(cell, sizeof(cell), "  %18s", quantity.column);
    text += cell;
  }
  for (const int64_t t : times) {
    std::snprintf(cell, sizeof(cell), "\n%8lld", static_cast<long long>(t));
    text += cell;
    for (const Quantity& quantity : kQuantities) {
      std::snprintf(cell, sizeof(cell), "  %18.10g", quantity.at(named.schedule, t));
      text += cell;
    }
  }
  const double prior = prior_bits_at(named.schedule, named.schedule.steps());
  return text + "\nL_T " + shortest(prior) + " bits per dimension for x_0^2 = 1\n";
}

std::string csv_of(const std::vector<NamedSchedule>& schedules) {
  std::vector<std::string> fields = {"schedule", "t"};
  for (const Quantity& quantity : kQuantities) fields.emplace_back(quantity.column);
  std::string text = csv_line(fields);
  for (const NamedSchedule& named : schedules) {
    for (int64_t t = 1; t <= named.schedule.steps(); ++t) {
      fields = {named.name, std::to_string(t)};
      for (const Quantity& quantity : kQuantities) {
        fields.push_back(shortest(quantity.at(named.schedule, t)));
      }
      text += csv_line(fields);
    }
  }
  return text;
}

Image picture_of(const std::vector<NamedSchedule>& schedules) {
  std::vector<Panel> panels;
  for (const Quantity& quantity : kQuantities) {
    Panel panel;
    panel.title = quantity.title;
    panel.x_label = "t";
    panel.log_y = quantity.log_axis;
    int colour = 0;
    for (const NamedSchedule& named : schedules) {
      Series series;
      series.label = named.name;
      series.colour = colour++;
      for (int64_t t = 1; t <= named.schedule.steps(); ++t) {
        series.x.push_back(static_cast<double>(t));
        series.y.push_back(quantity.at(named.schedule, t));
      }
      panel.series.push_back(std::move(series));
    }
    panels.push_back(std::move(panel));
  }
  return plot(panels, 960, 360);
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
  const std::vector<NamedSchedule> schedules = schedules_of(flags);
  for (const auto& [flag, path] : {std::pair("--csv", flags.csv), {"--out", flags.out}}) {
    if (!path.empty()) std::cout << files.shown(flag) << std::endl;
  }
  std::vector<std::string> tables;
  for (const NamedSchedule& named : schedules) {
    tables.push_back(table_of(named, times_of(flags, named.schedule.steps())));
  }
  std::cout << join(tables, "\n");
  if (!flags.csv.empty()) files.write("--csv", csv_of(schedules));
  if (!flags.out.empty()) files.write("--out", encode_picture(picture_of(schedules)));
  std::cout << next_command(flags, schedules[0].schedule.steps(), program) << std::endl;
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
