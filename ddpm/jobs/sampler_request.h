// A chain of reverse steps: what a request selects of it, and the chain itself.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/data/transform.h"
#include "ddpm/diffusers/model_config.h"
#include "ddpm/formats/png.h"
#include "ddpm/parity/switches.h"
#include "ddpm/sampling/sampler.h"

namespace ddpm {

inline constexpr const char* kOfCheckpoint = "checkpoint";  // as the checkpoint says it
inline constexpr const char* kOfParity = "parity";          // as --parity says it

// The word for each switch, kOfParity unless it has a flag of its own.
class SwitchWords {
 public:
  SwitchWords() { words_.fill(kOfParity); }
  std::string& operator[](ParitySwitch value) { return words_[static_cast<size_t>(value)]; }
  const std::string& operator[](ParitySwitch value) const {
    return words_[static_cast<size_t>(value)];
  }
  // Whether the flag of this switch asks for what other programs do.
  bool is_theirs(ParitySwitch value) const { return (*this)[value] == row_of(value).theirs; }

 private:
  std::array<std::string, kParitySwitches> words_;
};

struct SamplerFlags {
  std::string sampler = kOfCheckpoint;
  int64_t steps = 0;
  double eta = 0.0;
  double churn = 0.0;
  std::string spacing = kOfCheckpoint;
  std::string respacing;
  std::vector<int64_t> times;
  std::string variance = kOfCheckpoint;
  std::string clip = kOfCheckpoint;  // or "no" or the range as a number
  double threshold_quantile = 0.0;
  double threshold_max = 1.0;
  bool no_clip = false;
  bool raw_eps = false;
  std::string parity = "none";
  SwitchWords switches;
};

// A chain: which times, by which rule; what the flags leave open is as the checkpoint says.
struct Chain {
  std::vector<int64_t> times;
  SamplerOptions options;
  Parity parity;                           // what the options' planner does otherwise
  Rounding rounding = Rounding::kNearest;  // of the images to 8 bits
  PngText text;                            // what a PNG says of it: sampler, steps, eta, ..
};

// Throws InvalidArgument that starts with `command` for what excludes each other, is not possible
// with the checkpoint, or has no finite weights.
Chain chain_of(const std::string& command, const SamplerFlags& flags, const ModelConfig& model);

}  // namespace ddpm
