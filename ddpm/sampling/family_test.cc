#include "ddpm/sampling/family.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/times.h"
#include "ddpm/testing/gaussian_data.h"

namespace ddpm {

namespace {

constexpr int64_t kT = 1000;
constexpr BatchShape kShape{1, 1, 3, 4};

NoisePredictor predictor() {
  const Schedule schedule = linear_schedule(kT);
  const NetworkPointer network = network_of(
      [schedule](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
        const GaussianData data{.m = 0.1, .s = 0.4};
        for (int64_t i = 0; i < x.images(); ++i) {
          const NoiseLevel level = schedule.level(timesteps[static_cast<size_t>(i)].index + 1);
          std::transform(x.image(i).begin(), x.image(i).end(), output.image(i).begin(),
                         [&](float value) { return static_cast<float>(data.eps(level, value)); });
        }
      });
  return {network, schedule, Prediction::kEps};
}

// The states at each time that is reached, one image behind the other.
struct Chain {
  std::vector<int64_t> times;
  std::vector<std::vector<float>> x;
};

Chain family(const SamplerOptions& options, int64_t parting, int64_t shared,
             const std::vector<int64_t>& members) {
  BatchShape shape = kShape;
  shape.images = std::ssize(members);
  Batch x(shape);
  fill_family_noise(9, shared, x);
  Chain chain;
  run_sampler(predictor(), times_for(Spacing::kTrailing, kT, 20), options,
              family_noise(9, shared, parting), members, x, [&](const SampleStep& step) {
                chain.times.push_back(step.next_t);
                chain.x.emplace_back(step.x.values().begin(), step.x.values().end());
              });
  return chain;
}

bool first_two_agree(const std::vector<float>& x) {
  const auto size = static_cast<std::ptrdiff_t>(kShape.size());
  return std::equal(x.begin(), x.begin() + size, x.begin() + size, x.begin() + 2 * size);
}

// Each sampler that adds noise.
std::vector<SamplerOptions> noisy_samplers() {
  return {{.kind = SamplerKind::kAncestral},
          {.kind = SamplerKind::kDdim, .eta = 1.0},
          {.kind = SamplerKind::kDpm2MSde}};
}

}  // namespace

// The times are 1000, 950, .. 50: the parting times lie on one, between two, at the first and at
// the last but one, which is the last whose step adds noise.
TEST(Family, AgreesBitForBitDownToItsPartingTimeAndDiffersBelow) {
  for (const SamplerOptions& options : noisy_samplers()) {
    for (const int64_t parting : {1000, 730, 500, 100}) {
      const Chain chain = family(options, parting, 3, {3, 4});
      const int64_t last_shared = parting_of(times_for(Spacing::kTrailing, kT, 20), parting);
      for (size_t i = 0; i < chain.x.size(); ++i) {
        EXPECT_EQ(first_two_agree(chain.x[i]), chain.times[i] >= last_shared)
            << to_string(options.kind) << " parting at " << parting << ", at " << chain.times[i];
      }
    }
  }
}

TEST(Family, OfMembersIsTheSameInAnyBatch) {
  for (const SamplerOptions& options : noisy_samplers()) {
    const std::vector<float> together = family(options, 500, 0, {0, 1, 2, 3}).x.back();
    const std::vector<float> alone = family(options, 500, 0, {2}).x.back();
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + 2 * kShape.size()));
  }
}

TEST(Family, TheMemberWhoseNoiseIsSharedIsThatImageOfTheSeed) {
  for (const SamplerOptions& options : noisy_samplers()) {
    Batch x(kShape);
    const std::vector<int64_t> indices = {7};
    fill_initial_noise(9, indices, x);
    run_sampler(predictor(), times_for(Spacing::kTrailing, kT, 20), options, uint64_t{9}, indices,
                x);
    EXPECT_EQ(family(options, 400, 7, {7}).x.back(),
              std::vector<float>(x.values().begin(), x.values().end()));
  }
}

TEST(PartingOf, IsTheFirstTimeAtOrBelow) {
  const std::vector<int64_t> times = {900, 500, 30, 0};
  EXPECT_EQ(parting_of(times, 1000), 900);
  EXPECT_EQ(parting_of(times, 500), 500);
  EXPECT_EQ(parting_of(times, 499), 30);
  EXPECT_THROW(parting_of(times, 29), InvalidArgument);
  EXPECT_THROW(parting_of(times, 0), InvalidArgument);
}

}  // namespace ddpm
