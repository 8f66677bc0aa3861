// The flags that select a chain of reverse steps.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/jobs/sampler_request.h"
#include "ddpm/terminal/flags.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

inline constexpr const char* kOfCheckpoint = "checkpoint";  // as the checkpoint has it
inline constexpr const char* kOfParity = "parity";          // as --parity has it

// The word for each switch, kOfParity unless it has a flag of its own.
class SwitchWords {
 public:
  SwitchWords() { words_.fill(kOfParity); }
  std::string& operator[](ParitySwitch value) { return words_[static_cast<size_t>(value)]; }
  const std::string& operator[](ParitySwitch value) const {
    return words_[static_cast<size_t>(value)];
  }

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

inline constexpr const char* kStepsHelp = "reverse steps; 0: all T by ddpm, 50 by the others";

void declare_sampler_flags(Flags& flags, SamplerFlags& values,
                           const std::string& steps_help = kStepsHelp);

// Throws InvalidArgument that starts with `command` for flags of the bound of x_0 that exclude each
// other.
SamplerRequest sampler_request(const std::string& command, const SamplerFlags& flags);

// The flags that differ from their defaults, put behind a command that is suggested.
void add_sampler_flags(NextCommand& next, const SamplerFlags& flags);

}  // namespace ddpm
