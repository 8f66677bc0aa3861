// The flags of `ddpm sample`.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/cli/model_flags.h"
#include "ddpm/cli/sampler_flags.h"
#include "ddpm/jobs/sample.h"

namespace ddpm {

struct SampleFlags {
  ModelFlags model;
  SamplerFlags sampler;
  std::string out;
  std::string npz;
  int64_t count = 64;
  int64_t seed = 0;
  int64_t first_index = 0;
  int64_t batch_size = 16;
  std::string rng = "ddpm";
};

void declare_sample_flags(Flags& flags, SampleFlags& values);

// Without a place for --npz.
SampleRequest sample_request(const SampleFlags& flags);

// The same job from image `first_index` on, as a command.
std::string next_sample_command(const SampleFlags& flags, const std::string& program,
                                int64_t first_index);

}  // namespace ddpm
