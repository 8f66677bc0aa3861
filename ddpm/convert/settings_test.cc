#include "ddpm/convert/settings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ddpm/base/text.h"
#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

SourceLayout layout_of(const std::vector<int64_t>& multipliers,
                       const std::vector<int64_t>& attended, bool learned = false) {
  SourceLayout layout;
  layout.unet.levels.clear();
  layout.unet.learned_variance = learned;
  for (const int64_t multiplier : multipliers) {
    layout.unet.levels.push_back({.channels = 32 * multiplier});
  }
  for (const int64_t i : attended) {
    UNetLevel& level = layout.unet.levels.at(static_cast<size_t>(i));
    level.attention_down = level.attention_up = true;
  }
  return layout;
}

constexpr auto kImproved = SourceSystem::kImprovedDiffusion;
constexpr auto kGuided = SourceSystem::kGuidedDiffusion;
constexpr auto kTorch = SourceSystem::kDdpmTorch;

std::string refusal(const SourceLayout& layout, SourceSystem system,
                    const ConvertSettings& settings) {
  return complaint<InvalidArgument>([&] { settle(layout, system, settings); });
}

bool message(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Settle, TheSizeIsThatOfTheMultipliersInOpenaisSystems) {
  const std::vector<std::pair<std::vector<int64_t>, int64_t>> rules = {
      {{1, 2, 2, 2}, 32}, {{1, 2, 3, 4}, 64}, {{1, 1, 2, 3, 4}, 128}, {{1, 1, 2, 2, 4, 4}, 256}};
  for (const auto& [multipliers, size] : rules) {
    const SettledModel settled = settle(layout_of(multipliers, {}), kGuided, {.heads = 1});
    EXPECT_EQ(settled.model.unet.height, size);
    EXPECT_EQ(settled.model.unet.width, size);
  }
  EXPECT_TRUE(message(refusal(layout_of({1, 3}, {}), kGuided, {}), "--image-size is required"));
}

TEST(Settle, AttentionAtAnUnusualSizeAsksForTheSize) {
  const SourceLayout layout = layout_of({1, 2, 2, 2}, {3});  // 4x4 of 32x32
  EXPECT_TRUE(message(refusal(layout, kImproved, {}), "attention would be at 4x4"));
  EXPECT_EQ(settle(layout, kImproved, {.image_size = 64}).model.unet.height, 64);
}

TEST(Settle, TheSizeHasItsAttentionAt16InDdpmTorch) {
  EXPECT_EQ(settle(layout_of({1, 2, 2, 2}, {1}), kTorch, {}).model.unet.height, 32);
  const SettledModel faces = settle(layout_of({1, 2, 2, 2}, {2}), kTorch, {});
  EXPECT_EQ(faces.model.unet.height, 64);
  EXPECT_EQ(faces.model.variance, Variance::kFixedSmall);
  EXPECT_EQ(settle(layout_of({1, 1, 2, 2, 4, 4}, {4}), kTorch, {}).model.unet.height, 256);
  EXPECT_TRUE(message(refusal(layout_of({1, 2}, {}), kTorch, {}), "--image-size"));
}

TEST(Settle, HeadsAreAWidthWhereAllAttentionIsOfOne) {
  const SourceLayout one = layout_of({1, 2, 2, 2}, {1, 2});
  EXPECT_EQ(settle(one, kImproved, {}).model.unet.head_channels, 16);
  EXPECT_EQ(settle(one, kImproved, {.heads = 1}).model.unet.head_channels, 0);
  EXPECT_EQ(settle(one, kGuided, {.head_channels = 8}).model.unet.head_channels, 8);
  const SourceLayout two = layout_of({1, 2, 3, 4}, {2, 3});
  const std::string error = refusal(two, kImproved, {});
  EXPECT_TRUE(message(error, "--heads 4")) << error;
  EXPECT_TRUE(message(error, "96 and 128")) << error;
  EXPECT_EQ(settle(two, kImproved, {.heads = 1}).model.unet.head_channels, 0);
  EXPECT_EQ(settle(two, kGuided, {.head_channels = 32}).model.unet.head_channels, 32);
  EXPECT_TRUE(message(refusal(two, kGuided, {.head_channels = 64}), "96 among them"));
  EXPECT_TRUE(message(refusal(one, kImproved, {.heads = 3}), "must divide"));
}

TEST(Settle, RescaledTimesNeedATableUnlessTIs1000) {
  const SourceLayout layout = layout_of({1, 2, 2, 2}, {1});
  const auto table = [&](SourceSystem system, const ConvertSettings& settings) {
    return settle(layout, system, settings).model.unet.learned_times;
  };
  EXPECT_EQ(table(kImproved, {}), 0);
  EXPECT_EQ(table(kImproved, {.T = 4000}), 4000);
  EXPECT_EQ(table(kImproved, {.rescale_timesteps = false, .T = 4000}), 0);
  EXPECT_EQ(table(kGuided, {.T = 4000}), 0);
  EXPECT_EQ(table(kGuided, {.rescale_timesteps = true, .T = 4000}), 4000);
  EXPECT_EQ(table(kTorch, {.T = 4000}), 0);
}

TEST(Settle, TheirLinearScheduleHasItsEndsScaled) {
  const SourceLayout layout = layout_of({1, 2, 2, 2}, {1});
  const ScheduleConfig schedule = settle(layout, kImproved, {.T = 4000}).model.schedule;
  EXPECT_EQ(schedule.kind, ScheduleKind::kLinear);
  const Schedule betas = make_schedule(schedule);
  const Schedule wanted = make_schedule({.kind = ScheduleKind::kLinearScaled, .T = 4000});
  for (const int64_t t : {1, 2, 1999, 4000}) EXPECT_EQ(betas.beta(t), wanted.beta(t)) << t;
  EXPECT_EQ(settle(layout, kTorch, {.T = 4000}).model.schedule.beta_T, 0.02);
  const ConvertSettings unscaled{.schedule = ScheduleConfig{}, .T = 4000};
  EXPECT_TRUE(message(refusal(layout, kImproved, unscaled), "linear_scaled"));
  EXPECT_EQ(refusal(layout, kTorch, unscaled), "");
}

TEST(Settle, AListBringsItsOwnT) {
  const SourceLayout layout = layout_of({1, 2, 2, 2}, {1});
  ConvertSettings settings;
  settings.schedule = ScheduleConfig{.kind = ScheduleKind::kList, .betas = {0.1, 0.2, 0.3}};
  settings.rescale_timesteps = false;
  EXPECT_EQ(settle(layout, kImproved, settings).model.schedule.T, 3);
  settings.T = 4;
  EXPECT_TRUE(message(refusal(layout, kImproved, settings), "--T is 4, but --betas are 3"));
}

TEST(Settle, TheVarianceGoesWithTheChannels) {
  const SourceLayout fixed = layout_of({1, 2, 2, 2}, {1});
  const SourceLayout learned = layout_of({1, 2, 2, 2}, {1}, true);
  EXPECT_EQ(settle(fixed, kImproved, {}).model.variance, Variance::kFixedLarge);
  EXPECT_EQ(settle(learned, kImproved, {}).model.variance, Variance::kLearnedRange);
  EXPECT_EQ(settle(learned, kImproved, {.variance = Variance::kLearned}).model.variance,
            Variance::kLearned);
  EXPECT_TRUE(message(refusal(fixed, kImproved, {.variance = Variance::kLearned}), "--variance"));
  EXPECT_TRUE(
      message(refusal(learned, kImproved, {.variance = Variance::kFixedSmall}), "6 output"));
}

TEST(Settle, SettingsOfOtherSystemsAreRefused) {
  const SourceLayout layout = layout_of({1, 2, 2, 2}, {1});
  EXPECT_TRUE(message(refusal(layout, kTorch, {.heads = 2}), "one head"));
  EXPECT_TRUE(message(refusal(layout, kImproved, {.head_channels = 8}), "openai-guided"));
  EXPECT_TRUE(
      message(refusal(layout, kTorch, {.rescale_timesteps = false}), "--rescale-timesteps"));
  EXPECT_TRUE(message(refusal(layout, kImproved, {.attention_order = QkvOrder::kPartsFirst}),
                      "--attention-order"));
  EXPECT_TRUE(message(refusal(layout, kGuided, {.heads = 2, .head_channels = 8}), "give one"));
}

TEST(Settle, WhatWasGivenIsNotAssumed) {
  const SourceLayout layout = layout_of({1, 2, 2, 2}, {1});
  const ConvertSettings all{.image_size = 32,
                            .head_channels = 8,
                            .attention_order = QkvOrder::kPartsFirst,
                            .rescale_timesteps = false,
                            .schedule = ScheduleConfig{.kind = ScheduleKind::kCosine},
                            .T = 100,
                            .prediction = Prediction::kV,
                            .variance = Variance::kFixedSmall,
                            .dropout = 0.25};
  const SettledModel settled = settle(layout, kGuided, all);
  EXPECT_TRUE(settled.assumed.empty()) << join(settled.assumed, "; ");
  EXPECT_EQ(settled.order, QkvOrder::kPartsFirst);
  EXPECT_EQ(settled.model.unet.dropout, 0.25);
  const SettledModel none = settle(layout, kGuided, {.T = 100});
  EXPECT_EQ(none.assumed.size(), 8U) << join(none.assumed, "; ");
}

}  // namespace
}  // namespace ddpm
