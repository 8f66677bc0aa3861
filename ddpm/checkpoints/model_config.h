// A network and the process that it was trained for.

#pragma once

#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/formats/unet_config.h"

namespace ddpm {

// What it takes to sample from a network.
struct ModelConfig {
  UNetConfig unet;
  ScheduleConfig schedule;
  Prediction prediction = Prediction::kEps;
  Variance variance = Variance::kFixedLarge;  // of a reverse step; learned if that of unet is
};

}  // namespace ddpm
