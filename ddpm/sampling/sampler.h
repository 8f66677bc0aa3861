// From noise to images: one loop for every sampler.
//
// A sampler is its step's weights; the loop predicts, combines and goes on to the next time of the
// list. Image k of a seed meets the same noise, bit for bit, in any batch and beside any others.

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/sampling/ancestral.h"
#include "ddpm/sampling/step_weights.h"

namespace ddpm {

enum class SamplerKind { kAncestral, kDdim };

std::string to_string(SamplerKind kind);  // "ddpm", "ddim"
// Throws InvalidArgument, with the nearest name, for any other word.
SamplerKind sampler_kind_from(std::string_view name);
const std::vector<SamplerKind>& all_sampler_kinds();

struct SamplerOptions {
  SamplerKind kind = SamplerKind::kAncestral;
  Variance variance = Variance::kFixedLarge;  // of ancestral steps
  double eta = 0.0;                           // of DDIM, in [0, 1]
  bool clip_x0 = true;                        // the predicted x_0, to [-1, 1]
  bool rederive_eps = true;                   // from the clipped x_0: see EstimateOptions
};

// The step of options.kind. Throws InvalidArgument if eta is out of its range.
StepWeights step_weights(const SamplerOptions& options, NoiseLevel from, NoiseLevel to);

// What an observer sees after each step; the views are valid during the call.
struct SampleStep {
  int64_t t;          // the time just left
  int64_t next_t;     // the time reached, 0 after the last step
  ConstBatchView x;   // [N, C, H, W] at next_t
  ConstBatchView x0;  // [N, C, H, W] as predicted at t, clipped if asked for
};
using StepObserver = std::function<void(const SampleStep&)>;

// Fills z with the standard normal noise of image `index` for the step that leaves time t.
using NoiseSource = std::function<void(int64_t index, int64_t t, std::span<float> z)>;

// x_T: standard normal noise, image i that of Stream{seed, kInitialNoise, indices[i]}.
//   x        float32 [N, C, H, W]
//   indices  [N], each at least 0
// Throws InvalidArgument if there is not one index an image; x is then unchanged.
void fill_initial_noise(uint64_t seed, std::span<const int64_t> indices, BatchView x);

// The noise of a step: Stream{seed, kStepNoise, index, t}.
NoiseSource step_noise(uint64_t seed);

// Takes x from times[0] to 0, in place, through all of `times`.
//   times    as check_times wants them; they may begin below T, where x is then a noisy image
//   indices  [N], the images' own numbers, each at least 0: their noise depends on nothing else
//   x        float32 [N, C, H, W]; at the end x_0
// Noise is asked for only in steps that add some. Throws InvalidArgument, before the first step,
// for bad times, indices or options, and NotFinite, naming times and image, if x becomes infinite
// or not a number; x is then as that step left it.
void run_sampler(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const SamplerOptions& options, uint64_t seed, std::span<const int64_t> indices,
                 BatchView x, const StepObserver& observer = {});

// The same with noise from elsewhere.
void run_sampler(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const SamplerOptions& options, const NoiseSource& noise,
                 std::span<const int64_t> indices, BatchView x, const StepObserver& observer = {});

}  // namespace ddpm
