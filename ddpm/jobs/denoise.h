// Noise turning into images: x_t in one row and the x_0 predicted from it below.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ddpm/jobs/picture.h"

namespace ddpm {

struct DenoiseRequest {
  ModelRequest model = {};
  SamplerRequest sampler = {};
  std::string data = {};                // start from images of this data; "": from noise at T
  double max_bad_files = kMaxBadFiles;  // in [0, 1]
  int64_t from = 0;                     // with data: the time to start at, in [1, T]; 0: T / 2
  std::optional<int64_t> images = {};   // [1, 100]; none: 4, or as many as the data have
  int64_t columns = 11;                 // how many times of the chain are shown, [2, 100]
  int64_t seed = 0;                     // of the noise, at least 0
};

struct DenoiseResult {
  Picture picture;  // two rows per image
  int64_t images = 0;
  int64_t from = 0;  // the time at which the chain began
};

// Throws InvalidArgument "denoise: ..", what open_model and chain_of throw, Stopped.
DenoiseResult denoise(const DenoiseRequest& request, const TorchHooks& hooks, const Watch& watch);

}  // namespace ddpm
