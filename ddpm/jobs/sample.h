// Images from noise, one file each, by a job that can be continued.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "ddpm/base/streamed_file.h"
#include "ddpm/jobs/job_noise.h"
#include "ddpm/jobs/model.h"
#include "ddpm/jobs/sampler_request.h"
#include "ddpm/jobs/watch.h"

namespace ddpm {

struct SampleRequest {
  ModelRequest model = {};
  SamplerRequest sampler = {};
  std::filesystem::path out = {};  // the folder for 000000.png, 000001.png, .. and grid.png
  int64_t count = 64;              // images, at least 1
  int64_t seed = 0;                // at least 0; image k of a seed is the same in every job
  int64_t first_index = 0;         // the number of the first image, in [0, kMaxImageNumber]
  int64_t batch_size = 16;         // images made together, at least 1; changes speed only
  Rng rng = Rng::kOwn;             // whose random numbers
  // If set, called when all images are complete, for where they go as one .npz, a uint8 array
  // [N, H, W, C] called arr_0.
  std::function<ByteSink()> open_npz = {};
};

struct SampleResult {
  int64_t made = 0;   // images that were not there before
  int64_t steps = 0;  // of each
};

// Everything that the bits of an image depend on, but for its number: two jobs with the same text
// make the same images, and only those share a folder. A setting that is missing here mixes two
// jobs; sample_flags_test.cc fails for a flag that it does not know.
//
// Not in it, since they change no image beyond what is promised: count, first_index and open_npz
// (which images), batch_size and threads (through LibTorch within one gray level), the kind of CPU
// (within one gray level), and paths.
PngText sample_job(const SampleRequest& request, const Model& model, const Chain& chain);

// Throws InvalidArgument "sample: .." for what excludes each other, whatever the model.
void check(const SampleRequest& request);

// Makes the images that are missing in the folder, each whole or not at all, then grid.png of the
// first 256; `out` is locked meanwhile. After a stop or an error the same request makes the rest,
// bit for bit the same. Throws InvalidArgument for a file of another job in the way, before
// anything is written; IoError, also if another process works in the folder; what open_model and
// chain_of throw; Stopped.
SampleResult sample(const SampleRequest& request, const TorchHooks& hooks, const Watch& watch);

}  // namespace ddpm
