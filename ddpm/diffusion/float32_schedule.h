// The tables of a schedule in float32, in the order of operations of diffusers' schedulers.
//
// float64 is better: 1 - alpha_bar_1 of the paper's schedule has four digits in float32. These are
// for agreeing with programs that compute in float32, to the last digit.

#pragma once

#include <span>
#include <vector>

#include "ddpm/diffusion/schedule_kinds.h"

namespace ddpm {

// betas[t - 1] is beta_t, as diffusers 0.42.1 has it for linear, quadratic and sigmoid schedules;
// those of all other kinds are those of make_schedule, rounded. Rescaled to a zero terminal
// signal-to-noise ratio, if that is asked for, in float32 too. Throws as make_schedule does.
std::vector<float> float32_betas(const ScheduleConfig& config);

// alpha_bar[t - 1] is alpha_bar_t: of each 1 - beta rounded to float32 the product, which PyTorch
// accumulates in float64 and rounds at every entry.
std::vector<float> float32_alpha_bar(std::span<const float> betas);

}  // namespace ddpm
