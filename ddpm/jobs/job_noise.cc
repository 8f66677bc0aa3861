#include "ddpm/jobs/job_noise.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/jobs/network_backend.h"

namespace ddpm {

namespace {

// One generator: every step draws for all images at once.
JobNoise noise_together(uint64_t seed, std::span<const int64_t> indices, BatchShape shape,
                        const TorchHooks& hooks) {
  struct State {
    NormalDraws draw;
    std::map<int64_t, int64_t> place;  // of an image in the batch
    Batch drawn;
  };
  auto state = std::make_shared<State>(State{hooks.torch_normal(seed), {}, Batch(shape)});
  for (const int64_t index : indices) {
    state->place.emplace(index, std::ssize(state->place));
  }
  return {.fill_initial = [state](BatchView x) { state->draw(x.values()); },
          .steps =
              [state](int64_t index, int64_t, std::span<float> z) {
                const int64_t place = state->place.at(index);
                if (place == 0) state->draw(state->drawn.values());
                const std::span<const float> mine = state->drawn.image(place);
                std::copy(mine.begin(), mine.end(), z.begin());
              }};
}

JobNoise noise_per_image(uint64_t seed, std::span<const int64_t> indices, const TorchHooks& hooks) {
  auto draws = std::make_shared<std::map<int64_t, NormalDraws>>();
  for (const int64_t index : indices) {
    draws->emplace(index, hooks.torch_normal(seed + static_cast<uint64_t>(index)));
  }
  const std::vector<int64_t> order(indices.begin(), indices.end());
  return {.fill_initial =
              [draws, order](BatchView x) {
                for (int64_t i = 0; i < x.images(); ++i) {
                  draws->at(order[static_cast<size_t>(i)])(x.image(i));
                }
              },
          .steps = [draws](int64_t index, int64_t, std::span<float> z) { draws->at(index)(z); }};
}

}  // namespace

std::string to_string(Rng rng) { return name_of(kRngs, rng); }

bool draws_all_images_together(Rng rng) { return rng == Rng::kDiffusers; }

JobNoise job_noise(Rng rng, uint64_t seed, std::span<const int64_t> indices, BatchShape shape,
                   const TorchHooks& hooks) {
  DDPM_ASSERT(std::ssize(indices) == shape.images);
  if (rng != Rng::kOwn && !hooks.torch_normal) throw NeedsTorch();
  if (rng == Rng::kDiffusers) return noise_together(seed, indices, shape, hooks);
  if (rng == Rng::kDiffusersPerImage) return noise_per_image(seed, indices, hooks);
  const std::vector<int64_t> own(indices.begin(), indices.end());
  return {.fill_initial = [seed, own](BatchView x) { fill_initial_noise(seed, own, x); },
          .steps = step_noise(seed)};
}

}  // namespace ddpm
