// Where the random numbers of a sampling job come from: this library's, or PyTorch's as diffusers'
// pipelines draw them.

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/jobs/torch_hooks.h"
#include "ddpm/sampling/sampler.h"

namespace ddpm {

// "ddpm": every number by seed, image and step, so that an image is the same in any batch.
// "diffusers": one generator with the job's seed for all images together, as a pipeline with one
//   torch.Generator has it; what an image is depends on how many there are.
// "diffusers-per-image": a generator an image, with the seed plus the image's number.
const std::vector<std::string>& rng_names();

// The images of a job that is drawn by "diffusers" have to be made together.
bool draws_all_images_together(const std::string& rng);

// The noise of images that are made together, once: generators go on with every call.
struct JobNoise {
  std::function<void(BatchView x)> fill_initial;  // x_T, [N, C, H, W]
  NoiseSource steps;                              // asked for image by image, in their order
};

//   rng      one of rng_names
//   indices  [N], the images' numbers
//   shape    of the images, [N, C, H, W]
JobNoise job_noise(const std::string& rng, uint64_t seed, std::span<const int64_t> indices,
                   BatchShape shape, const TorchHooks& hooks);

}  // namespace ddpm
