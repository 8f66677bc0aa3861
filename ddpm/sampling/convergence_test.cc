// How fast each sampler's error falls with the number of its steps, on Gaussian data, whose best
// prediction and whose exact solution are known.
//
// A plan is affine in x and in its noise, so a chain is followed as numbers: where a value ends
// without noise, and how much of each draw of noise arrives.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/sampling/times.h"
#include "ddpm/testing/gaussian_data.h"

namespace ddpm {

namespace {

constexpr GaussianData kData{.m = 0.3, .s = 0.5};
constexpr int64_t kEnd = 4000;  // the last time that is reached; the step to 0 is another matter
constexpr int64_t kT = kEnd + 64000;  // so that the middle of a step is hardly rounded

// The levels are equally spaced in the angle whose sine is sigma, so that the solution is smooth in
// t, from nearly pure noise to nearly clean.
const Schedule& smooth_schedule() {
  static const Schedule schedule = [] {
    const auto kept = [](int64_t t) {
      const double signal = std::cos(0.1 + 1.4 * static_cast<double>(t - kEnd) / (kT - kEnd));
      return signal * signal;
    };
    std::vector<double> betas;
    for (int64_t t = 1; t <= kT; ++t) {
      betas.push_back(t < kEnd ? 0.0 : t == kEnd ? 1.0 - kept(t) : 1.0 - kept(t) / kept(t - 1));
    }
    return Schedule(betas);
  }();
  return schedule;
}

Plan plan_of(const SamplerOptions& options, int64_t steps) {
  std::vector<int64_t> times;
  for (int64_t i = 0; i <= steps; ++i) times.push_back(kT - (kT - kEnd) * i / steps);
  times.push_back(0);
  Plan plan = sampler_plan(options, smooth_schedule(), times);
  while (plan.back().step == steps) plan.pop_back();
  return plan;
}

// Where a value ends; `noise` has a value for each stage, or none.
double walk(const Schedule& schedule, const Plan& plan, double x,
            const std::vector<double>& noise = {}) {
  double base = 0.0;
  std::vector<double> x0;
  std::vector<double> eps;
  for (size_t i = 0; i < plan.size(); ++i) {
    const Stage& stage = plan[i];
    const NoiseLevel level = schedule.level(stage.t);
    if (stage.keeps_base) base = x;
    x0.push_back(kData.x0(level, x));
    eps.push_back(kData.eps(level, x));
    double next = stage.x_weight * x + stage.base_weight * base;
    for (size_t k = 0; k < stage.x0_weights.size(); ++k) {
      if (stage.x0_weights[k] != 0.0) next += stage.x0_weights[k] * x0[x0.size() - 1 - k];
    }
    for (size_t k = 0; k < stage.eps_weights.size(); ++k) {
      if (stage.eps_weights[k] != 0.0) next += stage.eps_weights[k] * eps[eps.size() - 1 - k];
    }
    x = next + (noise.empty() ? 0.0 : stage.noise_weight * noise[i]);
  }
  return x;
}

// Along the exact solution (x - mean) / deviation stays.
double error_of_a_path(const SamplerOptions& options, int64_t steps) {
  const NoiseLevel first = smooth_schedule().level(kT);
  const NoiseLevel last = smooth_schedule().level(kEnd);
  const double start = 1.0;
  const double scaled = (start - kData.mean(first)) / std::sqrt(kData.variance(first));
  const double wanted = kData.mean(last) + scaled * std::sqrt(kData.variance(last));
  return std::abs(walk(smooth_schedule(), plan_of(options, steps), start) - wanted);
}

// The variance of what arrives if x_T has its own: from x_T, and from each draw on the way.
double error_of_the_variance(const SamplerOptions& options, int64_t steps) {
  const Plan plan = plan_of(options, steps);
  const double zero = walk(smooth_schedule(), plan, 0.0);
  const double slope = walk(smooth_schedule(), plan, 1.0) - zero;
  double variance = slope * slope * kData.variance(smooth_schedule().level(kT));
  for (size_t i = 0; i < plan.size(); ++i) {
    std::vector<double> noise(plan.size(), 0.0);
    noise[i] = 1.0;
    const double arrives = walk(smooth_schedule(), plan, 0.0, noise) - zero;
    variance += arrives * arrives;
  }
  return std::abs(variance - kData.variance(smooth_schedule().level(kEnd)));
}

bool adds_noise(const SamplerOptions& options) {
  for (const Stage& stage : plan_of(options, 10)) {
    if (stage.noise_weight > 0.0) return true;
  }
  return false;
}

double error(const SamplerOptions& options, int64_t steps) {
  return adds_noise(options) ? error_of_the_variance(options, steps)
                             : error_of_a_path(options, steps);
}

int64_t order_of(SamplerKind kind) {
  switch (kind) {
    case SamplerKind::kAncestral:
    case SamplerKind::kDdim:
    case SamplerKind::kDpm1S:
    case SamplerKind::kEuler:
      return 1;
    case SamplerKind::kDpm2S:
    case SamplerKind::kDpm2M:
    case SamplerKind::kDpm2MSde:
    case SamplerKind::kHeun:
    case SamplerKind::kPndm:  // their sums of eps are of order 4, their transfer is of 2
    case SamplerKind::kPlms:
      return 2;
  }
  return 0;
}

}  // namespace

TEST(Convergence, OfEachSamplerHasItsOrder) {
  for (const SamplerKind kind : all_sampler_kinds()) {
    const SamplerOptions options{.kind = kind, .clip_x0 = false};
    const double coarse = error(options, 400);
    const double fine = error(options, 800);
    const double order = std::log2(coarse / fine);
    std::printf("%-14s order %.3f, error of 800 steps %.1e\n", to_string(kind).c_str(), order,
                fine);
    EXPECT_NEAR(order, static_cast<double>(order_of(kind)), 0.05) << to_string(kind);
  }
}

// Every schedule, up to its last step: at the cosine schedule's T sigma is 20,000 times the signal,
// and a method that weighs eps there by that ends far outside of any image.
TEST(Convergence, StepsFromNearlyPureNoiseStayNearTheSolution) {
  const auto times = times_for(Spacing::kTrailing, 1000, 100);
  for (const ScheduleKind schedule_kind : all_schedule_kinds()) {
    const Schedule schedule = make_schedule({.kind = schedule_kind});
    const NoiseLevel first = schedule.level(1000);
    const NoiseLevel last = schedule.level(times[99]);
    for (const SamplerKind kind : all_sampler_kinds()) {
      const SamplerOptions options{.kind = kind};
      if (adds_noise(options)) continue;
      Plan plan = sampler_plan(options, schedule, times);
      while (plan.back().step == 99) plan.pop_back();
      for (const double start : {-2.0, 0.0, 1.0}) {
        const double scaled = (start - kData.mean(first)) / std::sqrt(kData.variance(first));
        const double wanted = kData.mean(last) + scaled * std::sqrt(kData.variance(last));
        EXPECT_NEAR(walk(schedule, plan, start), wanted, 0.2)  // laplace's steps are long
            << to_string(schedule_kind) << " " << to_string(kind);
      }
    }
  }
}

}  // namespace ddpm
