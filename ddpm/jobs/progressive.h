// What the network predicts on its way down: x_0 at several times; [DDPM] figure 6.

#pragma once

#include <cstdint>

#include "ddpm/jobs/picture.h"

namespace ddpm {

struct ProgressiveRequest {
  PictureRequest picture = {};
  int64_t count = 8;    // images, at least 1
  int64_t columns = 0;  // at least 2, the image itself the last; 0: 11, or as `every` has it
  int64_t every = 0;    // instead: a column for every so many times, from T down; 0: by `columns`
};

struct ProgressiveResult {
  Picture picture;  // a row per image, a column per time
  int64_t steps = 0;
};

// Throws InvalidArgument "progressive: ..", what open_model and chain_of throw, Stopped.
ProgressiveResult progressive(const ProgressiveRequest& request, const TorchHooks& hooks,
                              const Watch& watch);

}  // namespace ddpm
