// A network and the process that it was trained for.

#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/unet/config.h"

namespace ddpm {

// diffusers' schedulers that a checkpoint may name.
enum class SchedulerClass { kDdpm, kDdim, kPndm, kDpmMultistep };

// "DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "DPMSolverMultistepScheduler".
std::string to_string(SchedulerClass scheduler);

// How a checkpoint says that it is sampled. The defaults are what our own checkpoints say.
struct SamplingConfig {
  SchedulerClass scheduler = SchedulerClass::kDdpm;
  std::string spacing = "trailing";  // or "leading" or "linspace", each as this class has it
  int64_t steps_offset = 0;          // added to the times of leading; in [0, T]

  // What bounds x_0: thresholding if asked for, else clipping if asked for, else nothing.
  bool clip = true;
  double clip_range = 1.0;  // above 0; x_0 is clipped to [-clip_range, clip_range]
  bool thresholding = false;
  double threshold_quantile = 0.995;  // in (0, 1]
  double threshold_max = 1.0;         // above 0

  bool ends_at_one = false;  // the last step goes to the level of t = 1, not to the clean image

  bool skips_runge_kutta = false;  // of PNDM

  // Of the multistep DPM-Solver++.
  int64_t solver_order = 2;  // 1 or 2
  bool stochastic = false;   // sde-dpmsolver++
  bool heun = false;         // solver_type heun, not midpoint
  bool lower_order_final = true;
  bool euler_at_final = false;
  bool karras = false;                                           // use_karras_sigmas
  double lambda_min = -std::numeric_limits<double>::infinity();  // times below it are left out

  std::vector<std::string> passed_over = {};  // keys that mean something to other classes alone
  bool operator==(const SamplingConfig&) const = default;
};

// What it takes to sample from a network.
struct ModelConfig {
  UNetConfig unet = {};
  ScheduleConfig schedule = {};
  Prediction prediction = Prediction::kEps;
  Variance variance = Variance::kFixedLarge;  // of a reverse step; learned if that of unet is
  SamplingConfig sampling = {};
};

}  // namespace ddpm
