// The job of `ddpm sample`: its flags, and what its images depend on.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/cli/sampling_job.h"

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

// Everything that the bits of an image depend on, but for its number: two jobs with the same text
// make the same images, and only those share a folder. A flag that is missing here mixes two jobs;
// sample_job_test.cc fails for one that it does not know.
//
// Not in it, since they change no image beyond what is promised: --count, --first-index and
// --npz (which images), --batch-size and --threads (through LibTorch within one gray level), the
// kind of CPU (within one gray level), and paths.
PngText sample_job(const SampleFlags& flags, const Model& model, const Chain& chain);

// The same job from image `first_index` on, as a command.
std::string next_sample_command(const SampleFlags& flags, const std::string& program,
                                int64_t first_index);

}  // namespace ddpm
