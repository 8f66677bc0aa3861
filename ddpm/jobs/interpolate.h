// What lies between two images, mixed at several times of the process; [DDPM] figure 8.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/jobs/picture.h"
#include "ddpm/sampling/interpolation.h"

namespace ddpm {

struct InterpolateRequest {
  PictureRequest picture = {};
  std::string data = {};             // where the two images are
  std::vector<int64_t> images = {};  // their two numbers; none: 0 and 1
  std::string from = {};             // instead of data: the first image, a file
  std::string to = {};               // and the second one
  std::vector<int64_t> at = {};  // times to mix at, in [0, T], 0 the pixels; none: 0, T/8, T/4, ..
  int64_t points = 9;            // how many lambda from 0 to 1, at least 2
  bool shared_noise = false;     // one noise for both images, by Encoding::kForward
  NoiseMix mix = NoiseMix::kLinear;
  Encoding encoding = Encoding::kForward;
};

struct InterpolateResult {
  Picture picture;               // a row per time, lambda from 0 to 1
  std::vector<int64_t> numbers;  // of the two images
  std::vector<int64_t> at;       // the times
};

// Throws InvalidArgument "interpolate: .." for what excludes each other, whatever the model.
void check(const InterpolateRequest& request);

// Throws InvalidArgument "interpolate: ..", what open_model, chain_of and open_dataset throw,
// Stopped.
InterpolateResult interpolate(const InterpolateRequest& request, const TorchHooks& hooks,
                              const Watch& watch);

}  // namespace ddpm
