// The bare network, for comparisons with other programs.

#pragma once

#include <string>

#include "ddpm/base/batch.h"
#include "ddpm/formats/npy.h"
#include "ddpm/jobs/model.h"

namespace ddpm {

struct PredictRequest {
  ModelRequest model = {};
  NpyArray input = {};          // x_t, floats [N, C, H, W], finite, N at least 1
  NpyArray timesteps = {};      // the network's own indices, integers [N], each at least 0
  std::string input_name = {};  // of the arrays in errors
  std::string timesteps_name = {};
};

struct PredictResult {
  Batch output;  // [N, C, H, W], or [N, 2 C, H, W] with a learned variance; finite
};

// Throws InvalidArgument "predict: ..", FormatError for an array of another dtype, NotFinite for an
// output with a NaN or infinity, what open_bare_network throws. It is one call, which does not
// stop.
PredictResult predict(const PredictRequest& request, const TorchHooks& hooks, const Watch& watch);

}  // namespace ddpm
