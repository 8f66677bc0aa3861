#include "ddpm/jobs/schedules.h"

#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/plot/line_plot.h"

namespace ddpm {

namespace {

double log_snr_at(const Schedule& schedule, int64_t t) { return 2.0 * schedule.level(t).lambda(); }

constexpr std::array<ScheduleQuantity, 5> kQuantities = {{
    {"beta", "beta: the variance that a step adds", true,
     [](const Schedule& schedule, int64_t t) { return schedule.beta(t); }},
    {"alpha_bar", "alpha_bar: the power that is left of the image", false,
     [](const Schedule& schedule, int64_t t) { return schedule.alpha_bar(t); }},
    {"log_snr", "log SNR = ln(alpha_bar / (1 - alpha_bar))", false, log_snr_at},
    {"posterior_variance", "beta_tilde: the variance of q(x_{t-1} | x_t, x_0)", true,
     [](const Schedule& schedule, int64_t t) { return schedule.posterior(t).variance; }},
    {"prior_bits", "L_T if T were t, in bits per dimension, for x_0^2 = 1", true, prior_bits_at},
}};

}  // namespace

std::string schedule_text(const ScheduleConfig& schedule) {
  return concat(to_string(schedule.kind), ", T = ", schedule.T,
                has_ends(schedule.kind) ? concat(", beta from ", shortest(schedule.beta_1), " to ",
                                                 shortest(schedule.beta_T))
                                        : "",
                schedule.zero_terminal_snr ? ", rescaled to zero terminal SNR" : "");
}

std::vector<NamedSchedule> schedules(const SchedulesRequest& request) {
  std::vector<NamedSchedule> all;
  for (const ScheduleConfig& schedule : request.schedules) {
    all.push_back({to_string(schedule.kind), make_schedule(schedule)});
  }
  if (request.checkpoint.empty()) return all;
  const auto folder = require_checkpoint("schedule", "--checkpoint", request.checkpoint);
  const ModelConfig model = read_model_config(folder);
  all.push_back({folder.filename().string(), make_schedule(model.schedule)});
  return all;
}

const std::array<ScheduleQuantity, 5>& schedule_quantities() { return kQuantities; }

double prior_bits_at(const Schedule& schedule, int64_t t) {
  return prior_term_at(schedule, t, /*power=*/1.0) / kNatsPerBit;
}

Image plot_of(const std::vector<NamedSchedule>& schedules) {
  std::vector<Panel> panels;
  for (const ScheduleQuantity& quantity : kQuantities) {
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

}  // namespace ddpm
