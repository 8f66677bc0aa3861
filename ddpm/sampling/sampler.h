// From noise to images: one loop for every sampler.
//
// A sampler is a plan, numbers alone; the loop predicts, combines and goes on to the next call of
// the plan. Image k of a seed meets the same noise, bit for bit, in any batch and beside any
// others.

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/diffusion/noise_predictor.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/sampling/dpm_solver.h"
#include "ddpm/sampling/sigma_steps.h"
#include "ddpm/sampling/stage.h"

namespace ddpm {

// Each is a row of one table in sampler.cc, which every test of all samplers walks through.
enum class SamplerKind {
  kAncestral,  // [DDPM] algorithm 2
  kDdim,       // [DDIM]
  kDpm1S,      // DPM-Solver++ of first order
  kDpm2S,      // of second order, two calls a step
  kDpm2M,      // of second order, one call a step
  kDpm2MSde,   // the same with noise
  kPndm,       // [PNDM], the first three steps by Runge and Kutta's rule
  kPlms,       // [PNDM], the first step twice
  kEuler,      // [EDM] algorithm 1 or 2 without its correction
  kHeun,       // [EDM] algorithm 1 or 2
};

// "ddpm", "ddim", "dpmpp_1s", "dpmpp_2s", "dpmpp_2m", "dpmpp_2m_sde", "pndm", "plms", "euler",
// "heun"
std::string to_string(SamplerKind kind);
// Throws InvalidArgument, with the nearest name, for any other word.
SamplerKind sampler_kind_from(std::string_view name);
const std::vector<SamplerKind>& all_sampler_kinds();

// Which options a sampler takes, and what is particular to it: columns of its row.
struct SamplerTraits {
  bool takes_variance = false;     // SamplerOptions::variance
  bool takes_eta = false;          // SamplerOptions::eta
  bool takes_churn = false;        // SamplerOptions::churn
  bool takes_end_at_one = false;   // SamplerOptions::ends_at_one
  bool visits_every_time = false;  // T steps by default, where others take fewer
};
const SamplerTraits& traits_of(SamplerKind kind);

// The names of the samplers with a trait, as "euler or heun".
std::string samplers_with(bool SamplerTraits::*trait);

struct SamplerOptions;

// Makes the plan for a list of times that check_times accepts.
using Planner =
    std::function<Plan(const SamplerOptions&, const Schedule&, std::span<const int64_t> times)>;

struct SamplerOptions {
  SamplerKind kind = SamplerKind::kAncestral;
  Variance variance = Variance::kFixedLarge;  // of ancestral steps; if learned, by the predictor
  double eta = 0.0;                           // of DDIM, in [0, 1]
  Churn churn = {};                           // of Euler's and Heun's method
  DpmRule dpm = {};                           // of kDpm2M and kDpm2MSde
  bool clip_x0 = true;                        // the predicted x_0, to [-clip_range, clip_range]
  double clip_range = 1.0;                    // above 0
  double threshold_quantile = 0.0;            // dynamic thresholding: see EstimateOptions
  double threshold_max = 1.0;                 // likewise
  bool rederive_eps = true;                   // from the clipped x_0: see EstimateOptions
  // The last step goes to the level of time 1, as where diffusers has set_alpha_to_one = false; of
  // all samplers with one call a step and of the pseudo numerical methods.
  bool ends_at_one = false;
  bool float32_estimates = false;  // x_0 and eps are computed in float32: see EstimateOptions
  Planner planner = {};            // a sampler of the caller's own, in place of that of `kind`
};

// Whether x_0 stays as it was predicted, however large.
bool has_unbounded_x0(const SamplerOptions& options);

// Which calls to make for a list of times, as check_times wants it, and what to make of them.
// Throws InvalidArgument for times or options out of their range.
Plan sampler_plan(const SamplerOptions& options, const Schedule& schedule,
                  std::span<const int64_t> times);

// What an observer sees after each step; the views are valid during the call.
struct SampleStep {
  int64_t t;          // the time just left
  int64_t next_t;     // the time reached, 0 after the last step
  ConstBatchView x;   // [N, C, H, W] at next_t
  ConstBatchView x0;  // [N, C, H, W] as predicted at t, clipped if asked for
};
using StepObserver = std::function<void(const SampleStep&)>;

// Fills z with the standard normal noise of image `index` for the step that leaves time t; for a
// lift back to t (see Churn) it is asked with T + t.
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
// for bad times, indices or options and as check_plan does, and NotFinite, naming times and image,
// if x becomes infinite or not a number; x is then as that step left it.
void run_sampler(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const SamplerOptions& options, uint64_t seed, std::span<const int64_t> indices,
                 BatchView x, const StepObserver& observer = {});

// The same with noise from elsewhere.
void run_sampler(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const SamplerOptions& options, const NoiseSource& noise,
                 std::span<const int64_t> indices, BatchView x, const StepObserver& observer = {});

// The same by a plan of somebody else's making, whose step k goes from times[k] to times[k + 1]; of
// the options only those that bound x_0 matter. Throws InvalidArgument for bad indices.
void run_plan(const NoisePredictor& predictor, const Plan& plan, std::span<const int64_t> times,
              const SamplerOptions& options, const NoiseSource& noise,
              std::span<const int64_t> indices, BatchView x, const StepObserver& observer = {});

}  // namespace ddpm
