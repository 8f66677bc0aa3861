#include "ddpm/evaluation/bound_plan.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/times.h"

namespace ddpm {
namespace {

TEST(BoundPlan, CoversEachStepOfTheChainOnce) {
  for (const int64_t T : {1, 2, 3, 20, 1000}) {
    for (const int64_t count : {2, 3, 7, 19, 20, 500, 999, 1000}) {
      if (count > T) continue;
      const BoundPlan plan = sampled_plan(times_for(Spacing::kTrailing, T, T), count);
      ASSERT_EQ(std::ssize(plan.strata), count);
      int64_t next = 0;
      for (const Stratum& stratum : plan.strata) {
        EXPECT_EQ(stratum.first, next);
        ASSERT_GE(stratum.count, 1);
        next += stratum.count;
      }
      EXPECT_EQ(next, T);
      EXPECT_EQ(plan.strata.back().count, 1) << "L_0 is a term of its own";
      EXPECT_EQ(plan.is_sampled(), count < T);
    }
  }
  EXPECT_EQ(bound_plan_from("all", 1).strata.size(), 1U);
  EXPECT_EQ(bound_plan_from("respaced:4", 20).times, (std::vector<int64_t>{20, 15, 10, 5, 0}));
  for (const char* wrong : {"", "none", "respaced:0", "respaced:21", "sampled:1", "sampled:x"}) {
    EXPECT_THROW(bound_plan_from(wrong, 20), InvalidArgument) << wrong;
  }
}

TEST(ChainSchedule, OfAllTimesIsTheScheduleItselfAndElseHasItsAlphaBars) {
  const Schedule schedule = linear_schedule(1000);
  const Schedule same = chain_schedule(schedule, bound_plan_from("all", 1000).times);
  for (int64_t t = 1; t <= 1000; ++t) ASSERT_EQ(same.beta(t), schedule.beta(t)) << t;
  const BoundPlan plan = bound_plan_from("respaced:7", 1000);
  const Schedule chain = chain_schedule(schedule, plan.times);
  for (int64_t j = 0; j <= 7; ++j) {
    EXPECT_NEAR(chain.alpha_bar(j), schedule.alpha_bar(plan.times[static_cast<size_t>(7 - j)]),
                1e-14);
  }
}

}  // namespace
}  // namespace ddpm
