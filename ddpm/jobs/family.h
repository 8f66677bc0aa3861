// Images that share their x_t, one family per row, and part at time t; [DDPM] figure 7.

#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/jobs/picture.h"

namespace ddpm {

struct FamilyRequest {
  PictureRequest picture = {};
  std::vector<int64_t> shared_until =
      {};             // times at which a family parts, in [1, T]; none: T, 3T/4, ..
  int64_t index = 0;  // the first member is this image of the seed
  int64_t count = 7;  // members, at least 1
};

struct FamilyResult {
  Picture picture;                // a row per family: its x_t, the x_0 predicted, the members
  std::vector<int64_t> partings;  // visited times, one per family
  int64_t steps = 0;
};

// Throws InvalidArgument "family: ..", also if all members would be one image; what open_model and
// chain_of throw, Stopped.
FamilyResult family(const FamilyRequest& request, const TorchHooks& hooks, const Watch& watch);

}  // namespace ddpm
