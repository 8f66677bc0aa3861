// The flags that select a checkpoint, and how its network is run.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ddpm/jobs/model.h"
#include "ddpm/terminal/flags.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

struct ModelFlags {
  std::string checkpoint;
  std::string weights = "ema";
  std::string variant;
  std::string device = "auto";
  std::string executor = "auto";
  std::string precision = "fp32";
  int64_t threads = 0;
  std::optional<int64_t> label;  // --class
};

void declare_model_flags(Flags& flags, ModelFlags& values);

// The values are words that the flags allow.
ModelRequest model_request(const ModelFlags& flags);

// The flags that differ from their defaults, put behind a command that is suggested.
void add_model_flags(NextCommand& next, const ModelFlags& flags);

}  // namespace ddpm
