#include <gtest/gtest.h>

#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/sampler.h"

namespace ddpm {
namespace {

// The weights of a plan as one list.
std::vector<double> numbers_of(const Plan& plan) {
  std::vector<double> all;
  for (const Stage& stage : plan) {
    all.insert(all.end(), {static_cast<double>(stage.t), stage.lift_signal, stage.lift_noise,
                           stage.x_weight, stage.base_weight, stage.noise_weight});
    all.insert(all.end(), stage.x0_weights.begin(), stage.x0_weights.end());
    all.insert(all.end(), stage.eps_weights.begin(), stage.eps_weights.end());
  }
  return all;
}

bool changes_plan(const SamplerOptions& options) {
  const Schedule schedule = linear_schedule(100);
  const std::vector<int64_t> times = {100, 80, 60, 40, 20, 10, 0};
  return numbers_of(sampler_plan(options, schedule, times)) !=
         numbers_of(sampler_plan({.kind = options.kind}, schedule, times));
}

// A trait is what the plans show: an option changes the plan if and only if the row takes it.
TEST(SamplerTraits, AnOptionChangesThePlanOfTheSamplersThatTakeIt) {
  for (const SamplerKind kind : all_sampler_kinds()) {
    SCOPED_TRACE(to_string(kind));
    const SamplerTraits& traits = traits_of(kind);
    EXPECT_EQ(changes_plan({.kind = kind, .variance = Variance::kFixedSmall}),
              traits.takes_variance);
    EXPECT_EQ(changes_plan({.kind = kind, .eta = 0.5}), traits.takes_eta);
    EXPECT_EQ(changes_plan({.kind = kind, .churn = {.amount = 2.0}}), traits.takes_churn);
    EXPECT_EQ(changes_plan({.kind = kind, .ends_at_one = true}), traits.takes_end_at_one);
  }
}

TEST(SamplerTraits, NamesAreJoinedAsASentenceHasThem) {
  EXPECT_EQ(samplers_with(&SamplerTraits::takes_eta), "ddim");
  EXPECT_EQ(samplers_with(&SamplerTraits::takes_churn), "euler or heun");
}

TEST(SamplerTraits, APlannerOfTheCallerIsAskedInPlaceOfTheKinds) {
  const Schedule schedule = linear_schedule(10);
  const std::vector<int64_t> times = {10, 5, 0};
  SamplerOptions options = {.kind = SamplerKind::kDdim};
  options.planner = [](const SamplerOptions& own, const Schedule&, std::span<const int64_t> list) {
    EXPECT_EQ(own.kind, SamplerKind::kDdim);
    Plan plan;
    for (size_t i = 0; i + 1 < list.size(); ++i) {
      plan.push_back(idle_stage(list[i], static_cast<int64_t>(i)));
    }
    return plan;
  };
  const Plan plan = sampler_plan(options, schedule, times);
  ASSERT_EQ(plan.size(), 2U);
  EXPECT_EQ(plan[0].x_weight, 1.0);
  const std::vector<int64_t> rising = {5, 10, 0};
  EXPECT_THROW(sampler_plan(options, schedule, rising), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
