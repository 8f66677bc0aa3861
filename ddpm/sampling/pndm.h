// Pseudo numerical methods, Liu et al. 2022 [PNDM]: linear multistep rules of order 4 for eps.
//
// The transfer of [PNDM] eq. 9 from t to s by a given eps is euler_step. Weights of past eps are
// those of equal steps, whatever the list of times: it should be one of equal strides.

#pragma once

#include <cstdint>
#include <span>

#include "ddpm/diffusion/schedule.h"
#include "ddpm/sampling/stage.h"

namespace ddpm {

enum class PndmStart {
  kRungeKutta,  // the first three steps by four calls each: F-PNDM
  kMultistep,   // the first step twice, then rules of order 2 and 3: S-PNDM's start, as diffusers'
                // skip_prk_steps has it
};

// `end` is the level that the last step goes to: that of time 0, or as in some checkpoints of 1.
Plan pndm_plan(const Schedule& schedule, std::span<const int64_t> times, PndmStart start,
               NoiseLevel end);

}  // namespace ddpm
