#include "ddpm/cli/sampler_flags.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

TEST(SamplerFlags, LeaveOpenWhatIsOfTheCheckpoint) {
  const SamplerRequest request = sampler_request("sample", {});
  EXPECT_FALSE(request.sampler);
  EXPECT_FALSE(request.spacing);
  EXPECT_FALSE(request.karras);
  EXPECT_FALSE(request.variance);
  EXPECT_EQ(request.bound.kind, X0Bound::Kind::kOfCheckpoint);
  for (const std::optional<bool>& given : request.switches) EXPECT_FALSE(given);
}

TEST(SamplerFlags, BecomeEnumerators) {
  SamplerFlags flags;
  flags.sampler = "dpmpp_2m";
  flags.spacing = "dpm_leading";
  flags.variance = "fixed_small";
  flags.switches[ParitySwitch::kTables] = "f64";
  flags.switches[ParitySwitch::kLists] = "diffusers";
  const SamplerRequest request = sampler_request("sample", flags);
  EXPECT_EQ(request.sampler, SamplerKind::kDpm2M);
  EXPECT_EQ(request.spacing, Spacing::kDpmLeading);
  EXPECT_EQ(request.variance, Variance::kFixedSmall);
  EXPECT_EQ(request.switches[static_cast<size_t>(ParitySwitch::kTables)], false);
  EXPECT_EQ(request.switches[static_cast<size_t>(ParitySwitch::kLists)], true);
  EXPECT_FALSE(request.switches[static_cast<size_t>(ParitySwitch::kEps)]);
  flags.spacing = "karras";
  EXPECT_TRUE(sampler_request("sample", flags).karras);
  EXPECT_FALSE(sampler_request("sample", flags).spacing);
}

// Two flags for one thing: --raw-eps counts, whatever --eps is.
TEST(SamplerFlags, RawEpsIsASwitchOfParity) {
  SamplerFlags flags;
  flags.switches[ParitySwitch::kEps] = "clipped";
  flags.raw_eps = true;
  EXPECT_EQ(sampler_request("sample", flags).switches[static_cast<size_t>(ParitySwitch::kEps)],
            true);
}

TEST(SamplerFlags, HaveOneBoundOfX0) {
  const auto bound = [](const std::string& clip, double quantile, double max, bool no_clip) {
    SamplerFlags flags;
    flags.clip = clip;
    flags.threshold_quantile = quantile;
    flags.threshold_max = max;
    flags.no_clip = no_clip;
    return sampler_request("sample", flags).bound;
  };
  EXPECT_EQ(bound("no", 0.0, 1.0, false).kind, X0Bound::Kind::kNone);
  EXPECT_EQ(bound("checkpoint", 0.0, 1.0, true).kind, X0Bound::Kind::kNone);
  EXPECT_EQ(bound("0.5", 0.0, 1.0, false).kind, X0Bound::Kind::kRange);
  EXPECT_EQ(bound("0.5", 0.0, 1.0, false).range, 0.5);
  EXPECT_EQ(bound("checkpoint", 0.9, 1.5, false).kind, X0Bound::Kind::kQuantile);
  EXPECT_EQ(bound("checkpoint", 0.9, 1.5, false).max, 1.5);
  const auto refusal = [&bound](const std::string& clip, double quantile, double max,
                                bool no_clip) {
    return complaint<InvalidArgument>([&] { bound(clip, quantile, max, no_clip); });
  };
  EXPECT_EQ(refusal("0.5", 0.9, 1.0, false),
            "sample: --clip and --threshold-quantile exclude each other");
  EXPECT_EQ(refusal("0.5", 0.0, 1.0, true), "sample: --no-clip and --clip exclude each other");
  EXPECT_EQ(refusal("checkpoint", 0.0, 2.0, false),
            "sample: --threshold-max belongs to --threshold-quantile");
  EXPECT_EQ(refusal("wide", 0.0, 1.0, false),
            "sample: --clip: wanted checkpoint, no or a number above 0, got 'wide'");
}

}  // namespace
}  // namespace ddpm
