// A chain of reverse steps: what a request selects of it, and the chain itself.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/data/transform.h"
#include "ddpm/diffusers/model_config.h"
#include "ddpm/formats/png.h"
#include "ddpm/parity/switches.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

// What bounds the predicted x_0.
struct X0Bound {
  enum class Kind {
    kOfCheckpoint,
    kNone,
    kRange,     // clipping to [-range, range]
    kQuantile,  // dynamic thresholding
  };
  Kind kind = Kind::kOfCheckpoint;
  double range = 1.0;     // of kRange, above 0; images are in [-1, 1]
  double quantile = 0.0;  // of kQuantile: of |x_0|, in (0, 1]
  double max = 1.0;       // of kQuantile: the largest divisor, at least 1
};

// What is not selected is as the checkpoint has it.
struct SamplerRequest {
  std::optional<SamplerKind> sampler = {};
  int64_t steps = 0;                      // in [1, T]; 0: all T by ddpm, 50 by the others
  double eta = 0.0;                       // of ddim, in [0, 1]: 0 no noise, 1 as much as ddpm
  double churn = 0.0;                     // of euler and heun: S_churn, at least 0
  std::optional<Spacing> spacing = {};    // which times fewer steps visit
  bool karras = false;                    // instead of spacing: as [EDM] eq. 5 has it
  std::string respacing = {};             // instead of steps: as respaced_times reads it
  std::vector<int64_t> times = {};        // instead of steps: falling, in [1, T]
  std::optional<Variance> variance = {};  // of a ddpm step
  X0Bound bound = {};
  std::string parity = "none";  // one of parity_names
  // By ParitySwitch: as other programs have it or not; nothing: as `parity` has it.
  std::array<std::optional<bool>, kParitySwitches> switches = {};
};

// A chain: which times, by which rule.
struct Chain {
  std::vector<int64_t> times;
  SamplerOptions options;
  Parity parity;                           // what the options' planner does otherwise
  Rounding rounding = Rounding::kNearest;  // of the images to 8 bits
  PngText text;                            // what a PNG shows of it: sampler, steps, eta, ..
};

// Throws InvalidArgument that starts with `command` for what excludes each other, is not possible
// with the checkpoint, or has no finite weights.
Chain chain_of(const std::string& command, const SamplerRequest& request, const ModelConfig& model);

}  // namespace ddpm
