// Images turning into noise, [DDPM] figure 2 read from right to left.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/jobs/picture.h"

namespace ddpm {

struct ForwardRequest {
  DataOptions data = {};
  ScheduleConfig schedule = {};
  std::optional<int64_t> images = {};  // how many, at least 1; none: 4, or as many as there are
  int64_t first_image = 0;             // the number of the first one
  int64_t seed = 0;                    // of the noise, at least 0
  std::vector<int64_t> times = {};     // in [0, T] and rising; none: eleven from 0 to T
  bool stepwise = false;  // through q(x_t | x_{t-1}); else each time by the closed form
};

struct ForwardResult {
  Picture picture;  // a row per image, a column per time
  int64_t images = 0;
  std::vector<int64_t> times;
};

// Throws InvalidArgument for a schedule that is none or, "forward: ..", times that are not its own.
void check(const ForwardRequest& request);

// Throws what check and open_dataset throw, InvalidArgument "forward: ..", Stopped.
ForwardResult forward(const ForwardRequest& request, const Watch& watch);

}  // namespace ddpm
