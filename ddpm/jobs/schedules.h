// Noise schedules in numbers and as a picture, one or several side by side.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/formats/image.h"

namespace ddpm {

// "linear, T = 1000, beta from 1e-04 to 0.02".
std::string schedule_text(const ScheduleConfig& schedule);

struct SchedulesRequest {
  std::vector<ScheduleConfig> schedules = {};
  std::string checkpoint = {};  // a run or a checkpoint whose schedule comes last; "": none
};

struct NamedSchedule {
  std::string name;  // of its kind, or of the checkpoint
  Schedule schedule;
};

// Throws InvalidArgument for a schedule that is none; what require_checkpoint throws.
std::vector<NamedSchedule> schedules(const SchedulesRequest& request);

// What is shown of a schedule at t, in [1, T].
struct ScheduleQuantity {
  const char* column;
  const char* title;
  bool log_axis;
  double (*at)(const Schedule& schedule, int64_t t);
};

// beta, alpha_bar, log_snr, posterior_variance, prior_bits.
const std::array<ScheduleQuantity, 5>& schedule_quantities();

// L_T if T were t, in bits per dimension, for x_0^2 = 1.
double prior_bits_at(const Schedule& schedule, int64_t t);

// A panel per quantity, a line per schedule.
Image plot_of(const std::vector<NamedSchedule>& schedules);

}  // namespace ddpm
