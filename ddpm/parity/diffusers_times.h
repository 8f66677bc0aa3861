// The lists of times of diffusers' schedulers, as their floating-point numbers come out.
//
// times_for makes the same lists from exact fractions, for every number of steps. These are for
// agreeing with diffusers 0.42.1 number for number, and where its list cannot be walked they say
// so.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/parity/switches.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

struct DiffusersList {
  Spacing spacing = Spacing::kTrailing;
  int64_t T = 1000;
  int64_t steps = 50;
  int64_t offset = 0;        // steps_offset
  int64_t last = 0;          // of DPM-Solver: the times are those of 1 .. last; 0: T
  bool runge_kutta = false;  // of PNDM, whose warm-up wants four times
};

// A list as check_times wants it. Throws InvalidArgument that says what is wrong with the list that
// diffusers makes: a time beyond T or below 1, one that is visited twice, too few for PNDM; and for
// kQuadratic, which it does not have.
std::vector<int64_t> diffusers_times(const DiffusersList& list);

struct SigmaTimes {
  std::vector<int64_t> times;     // as check_times wants them
  std::vector<TimeSigma> sigmas;  // of each but 0
};

// DPM-Solver with use_karras_sigmas: sigma / signal as [EDM] eq. 5 spaces it, and the nearest time
// to each for the network. Throws InvalidArgument if a time would be visited twice.
//   alpha_bar     [T], falling within (0, 1)
//   rounds_down   to the time below in place of the nearest, as for the cosine schedule
// Each sigma of a time and its logarithm are in Real, float or double.
template <typename Real>
SigmaTimes diffusers_karras_times(const std::vector<Real>& alpha_bar, int64_t steps,
                                  bool rounds_down);

}  // namespace ddpm
