// Where the random numbers of a sampling job come from: this library's, or PyTorch's as diffusers'
// pipelines draw them.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "ddpm/base/batch.h"
#include "ddpm/base/names.h"
#include "ddpm/jobs/torch_hooks.h"
#include "ddpm/sampling/sampler.h"

namespace ddpm {

enum class Rng {
  kOwn,  // every number by seed, image and step, so that an image is the same in any batch
  // One generator with the job's seed for all images together, as a pipeline with one
  // torch.Generator has it; what an image is depends on how many there are.
  kDiffusers,
  kDiffusersPerImage,  // a generator per image, with the seed plus the image's number
};

inline constexpr std::array<Named<Rng>, 3> kRngs = {{
    {Rng::kOwn, "ddpm"},
    {Rng::kDiffusers, "diffusers"},
    {Rng::kDiffusersPerImage, "diffusers-per-image"},
}};

std::string to_string(Rng rng);

// The images of a job that is drawn by kDiffusers have to be made together.
bool draws_all_images_together(Rng rng);

// The noise of images that are made together, once: generators go on with every call.
struct JobNoise {
  std::function<void(BatchView x)> fill_initial;  // x_T, [N, C, H, W]
  NoiseSource steps;                              // asked for image by image, in their order
};

//   indices  [N], the images' numbers
//   shape    of the images, [N, C, H, W]
// Throws NeedsTorch for the generators of PyTorch without a hook for them.
JobNoise job_noise(Rng rng, uint64_t seed, std::span<const int64_t> indices, BatchShape shape,
                   const TorchHooks& hooks);

}  // namespace ddpm
