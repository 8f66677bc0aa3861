#include "ddpm/sampling/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/ddim.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

constexpr std::array<Named<SamplerKind>, 2> kKinds = {
    {{SamplerKind::kAncestral, "ddpm"}, {SamplerKind::kDdim, "ddim"}}};

void check_indices(std::span<const int64_t> indices, int64_t images) {
  DDPM_CHECK(std::ssize(indices) == images, "sampling: wanted one index an image, ", images,
             ", got ", indices.size());
  for (const int64_t index : indices) {
    DDPM_CHECK(index >= 0, "sampling: an index must be at least 0, got ", index);
  }
}

// x <- x' for one image; z is read only if it has a weight.
void apply(const StepWeights& step, std::span<const float> x0, std::span<const float> eps,
           std::span<const float> z, std::span<float> x) {
  for (size_t i = 0; i < x.size(); ++i) {
    double next = step.x_weight * x[i] + step.x0_weight * x0[i] + step.eps_weight * eps[i];
    if (step.noise_weight > 0.0) next += step.noise_weight * z[i];
    x[i] = static_cast<float>(next);
  }
}

void check_finite(std::span<const float> x, int64_t t, int64_t next_t, int64_t index) {
  if (std::all_of(x.begin(), x.end(), [](float value) { return std::isfinite(value); })) return;
  throw NotFinite(concat("sampling: x became non-finite in the step from t = ", t, " to ", next_t,
                         ", image ", index));
}

}  // namespace

std::string to_string(SamplerKind kind) { return name_of(kKinds, kind); }

SamplerKind sampler_kind_from(std::string_view name) {
  return value_named(kKinds, "sampler", name);
}

const std::vector<SamplerKind>& all_sampler_kinds() {
  static const std::vector<SamplerKind> all = {SamplerKind::kAncestral, SamplerKind::kDdim};
  return all;
}

StepWeights step_weights(const SamplerOptions& options, NoiseLevel from, NoiseLevel to) {
  switch (options.kind) {
    case SamplerKind::kAncestral:
      return ancestral_step(from, to, options.variance);
    case SamplerKind::kDdim:
      return ddim_step(from, to, options.eta);
  }
  throw std::logic_error("sampling: an unknown sampler");
}

void fill_initial_noise(uint64_t seed, std::span<const int64_t> indices, BatchView x) {
  check_indices(indices, x.images());
  for (int64_t i = 0; i < x.images(); ++i) {
    const auto index = static_cast<uint64_t>(indices[static_cast<size_t>(i)]);
    fill_normal({.seed = seed, .purpose = Purpose::kInitialNoise, .index = index}, x.image(i));
  }
}

NoiseSource step_noise(uint64_t seed) {
  return [seed](int64_t index, int64_t t, std::span<float> z) {
    fill_normal({.seed = seed,
                 .purpose = Purpose::kStepNoise,
                 .index = static_cast<uint64_t>(index),
                 .step = static_cast<uint64_t>(t)},
                z);
  };
}

void run_sampler(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const SamplerOptions& options, uint64_t seed, std::span<const int64_t> indices,
                 BatchView x, const StepObserver& observer) {
  run_sampler(predictor, times, options, step_noise(seed), indices, x, observer);
}

void run_sampler(const NoisePredictor& predictor, std::span<const int64_t> times,
                 const SamplerOptions& options, const NoiseSource& noise,
                 std::span<const int64_t> indices, BatchView x, const StepObserver& observer) {
  const Schedule& schedule = predictor.schedule();
  check_times(times, schedule.steps());
  check_indices(indices, x.images());
  step_weights(options, schedule.level(times[0]), schedule.level(times[1]));  // throws for bad ones
  const EstimateOptions estimate{.clip_x0 = options.clip_x0, .rederive_eps = options.rederive_eps};
  Batch x0(x.shape());
  Batch eps(x.shape());
  std::vector<float> z(static_cast<size_t>(x.shape().image_size()));
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const int64_t t = times[i];
    const int64_t next_t = times[i + 1];  // the next entry, whatever the stride
    predictor.estimate(x, std::vector<int64_t>(indices.size(), t), estimate, x0, eps);
    const StepWeights step = step_weights(options, schedule.level(t), schedule.level(next_t));
    for (int64_t image = 0; image < x.images(); ++image) {
      const int64_t index = indices[static_cast<size_t>(image)];
      if (step.noise_weight > 0.0) noise(index, t, z);
      apply(step, x0.image(image), eps.image(image), z, x.image(image));
      check_finite(x.image(image), t, next_t, index);
    }
    if (observer) observer({t, next_t, x, x0});
  }
}

}  // namespace ddpm
