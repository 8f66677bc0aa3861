// How much of an image comes back when it is noised to a time and denoised from there.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/jobs/picture.h"

namespace ddpm {

struct ReconstructRequest {
  PictureRequest picture = {};
  std::string data = {};
  std::vector<int64_t> images = {};  // numbers of the images; none: the first one
  std::vector<int64_t> at = {};  // times to go back from, in [1, T]; none: T/8, T/4, T/2 and 3T/4
  Encoding encoding = Encoding::kForward;
};

// Root of the mean squared difference in gray levels of [0, 255]; psnr_of gives decibels.
struct ImageError {
  int64_t number;
  double rmse;
};

struct ReconstructionError {
  int64_t t;
  std::vector<ImageError> images = {};
  double rmse = 0.0;  // over all images
};

struct ReconstructResult {
  Picture picture;                          // a row per image, its x_t and what comes back
  std::vector<int64_t> numbers;             // of the images
  std::vector<ReconstructionError> errors;  // one per time
};

// Throws InvalidArgument "reconstruct: ..", what open_model, chain_of and open_dataset throw,
// Stopped.
ReconstructResult reconstruct(const ReconstructRequest& request, const TorchHooks& hooks,
                              const Watch& watch);

}  // namespace ddpm
