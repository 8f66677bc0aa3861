// Lists, tables and chains in float32 that diffusers computed, from its scheduler_config.json to
// x_0.
//
// Every file of tests/golden/schedulers is read, whatever its name. A chain is walked as the
// command line does it: the configuration is read, --parity diffusers makes the plan, run_plan
// walks it.

#include "ddpm/testing/scheduler_golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/float32_schedule.h"

namespace ddpm {
namespace {

// How much larger than the start what is summed in a call may be, and with it the rounding: a step
// down from pure noise divides by its signal.
double growth(const Stage& stage, Prediction prediction, bool of_v) {
  double sum = std::abs(stage.x_weight) + std::abs(stage.base_weight);
  const double signal = stage.level->signal;  // an eps made of v and x is two terms that cancel
  for (const double weight : stage.eps_weights) {
    sum += std::abs(weight) / (of_v ? signal * signal : 1.0);
  }
  const double of_x0 = prediction == Prediction::kEps ? 1.0 / signal : 1.0;
  for (const double weight : stage.x0_weights) sum += std::abs(weight) * of_x0;
  return sum;
}

struct Walked {
  std::vector<std::vector<double>> states;  // x behind each call
  std::vector<double> sizes;                // of the largest number so far that was rounded
};

// In float32 arrays.
Walked walk(const Json& row, const ModelConfig& model, const Chain& chain) {
  const NoisePredictor predictor(network_of_row(row, model), make_schedule(model.schedule),
                                 model.prediction, is_learned(model.variance));
  const NoiseSource noise = [](int64_t image, int64_t, std::span<float> z) {
    for (size_t k = 0; k < z.size(); ++k) {
      z[k] = static_cast<float>(falling(static_cast<size_t>(image) * kImage + k));
    }
  };
  Batch x(kShape);
  for (size_t i = 0; i < kSize; ++i) x.values()[i] = static_cast<float>(start_of(row, i));
  Plan plan = sampler_plan(chain.options, predictor.schedule(), chain.times);
  for (Stage& stage : plan) stage.ends_step = true;  // to see every call
  Walked walked;
  double largest = 0.0;
  for (size_t i = 0; i < kSize; ++i) largest = std::max(largest, std::abs(start_of(row, i)));
  run_plan(
      predictor, plan, chain.times, chain.options, noise, std::vector<int64_t>{0, 1}, x,
      [&](const SampleStep& step) {
        const Stage& stage = plan[walked.states.size()];
        const double size = largest * growth(stage, model.prediction, chain.parity.pndm_of_v);
        walked.sizes.push_back(walked.sizes.empty() ? size : std::max(size, walked.sizes.back()));
        walked.states.emplace_back(step.x.values().begin(), step.x.values().end());
      });
  return walked;
}

TEST(SchedulerGolden, EveryChainInFloat32IsThatOfDiffusers) {
  for (const Json& row : golden("chains")) {
    SCOPED_TRACE(name_of_row(row));
    const ModelConfig model = model_of(row);
    if (row.contains("error")) {
      EXPECT_THROW(chain_of("golden", request_of(row), model), InvalidArgument);
      continue;
    }
    const Walked walked = walk(row, model, chain_of("golden", request_of(row), model));
    const auto& states = walked.states;
    const double end = distance(states.back(), row["end"], walked.sizes.back());
    EXPECT_LT(end, row["steps"] == 1000 ? 3e-6 : 1e-6);  // of 1000 steps each adds its rounding
    if (!row.contains("states")) continue;
    ASSERT_EQ(states.size(), row["states"].size());
    for (size_t k = 0; k < states.size(); ++k) {
      EXPECT_LT(distance(states[k], row["states"][k], walked.sizes[k]), 1e-6) << "call " << k;
    }
  }
}

std::vector<int64_t> unrolled(const Json& runs) {
  std::vector<int64_t> values;
  for (const Json& run : runs) {
    if (!run.is_array()) {
      values.push_back(run);
      continue;
    }
    for (int64_t k = run[1]; k > 0; --k) values.push_back(values.back() + run[0].get<int64_t>());
  }
  return values;
}

TEST(SchedulerGolden, EveryListIsThatOfDiffusersOrIsRefused) {
  for (const Json& row : golden("lists")) {
    SCOPED_TRACE(name_of_row(row));
    const ModelConfig model = model_of(row);
    std::vector<int64_t> wanted = unrolled(row["calls"]);
    const bool pndm = model.sampling.scheduler == SchedulerClass::kPndm;
    const auto bad = [&](int64_t n) { return n < 0 || n >= 1000; };
    const bool rises = !pndm && std::adjacent_find(wanted.begin(), wanted.end(),
                                                   std::less_equal<>()) != wanted.end();
    if (wanted.empty() || rises || std::any_of(wanted.begin(), wanted.end(), bad)) {
      EXPECT_THROW(chain_of("golden", request_of(row), model), InvalidArgument);
      continue;
    }
    ASSERT_FALSE(row.contains("error"));
    const Chain chain = chain_of("golden", request_of(row), model);
    const Plan plan = sampler_plan(chain.options, make_schedule(model.schedule), chain.times);
    EXPECT_EQ(calls_of(plan), wanted);
    if (model.sampling.scheduler == SchedulerClass::kDpmMultistep) continue;
    // where each step goes shows in its weights
    const auto from = unrolled(row["from"]);
    const auto to = unrolled(row["to"]);
    const std::vector<float> table = float32_alpha_bar(float32_betas(model.schedule));
    const auto alpha_bar = [&](int64_t n) {
      return n < 0 ? (model.sampling.ends_at_one ? table[0] : 1.0F) : table[static_cast<size_t>(n)];
    };
    ASSERT_EQ(to.size(), plan.size());
    for (size_t k = 0; k < plan.size(); ++k) {
      const float a = alpha_bar(from[k]);
      const float b = alpha_bar(to[k]);
      const double ratio = std::sqrt(b / a);
      if (pndm) {
        EXPECT_EQ(plan[k].x_weight + plan[k].base_weight, ratio) << k;
      } else if (model.sampling.scheduler == SchedulerClass::kDdim) {
        EXPECT_EQ(plan[k].x0_weights[0], std::sqrt(b)) << k;
      } else if (b < 1.0F) {
        EXPECT_NEAR(plan[k].x0_weights[0], std::sqrt(b) * (1.0F - a / b) / (1.0F - a), 1e-7) << k;
      }
    }
  }
}

TEST(SchedulerGolden, EveryTableIsThatOfDiffusers) {
  for (const Json& row : golden("tables")) {
    SCOPED_TRACE(row["scheduler"].dump());
    const std::vector<float> table = float32_alpha_bar(float32_betas(model_of(row).schedule));
    double sum = 0.0;
    for (const float value : table) sum += value;
    // the rescaled betas are 1 minus a quotient near 1, in which one bit is 6e-8
    const bool rescaled = row["scheduler"]["rescale_betas_zero_snr"];
    EXPECT_NEAR(sum, row["sum"], rescaled ? 1e-3 : 2e-5);
    for (const auto& [n, value] : row["alpha_bar"].items()) {
      const double most =
          (rescaled ? 1e-5 : 3e-7) * value.get<double>() + (rescaled ? 1e-8 : 1e-12);
      EXPECT_NEAR(table[std::stoul(n)], value.get<float>(), most) << n;
    }
  }
}

}  // namespace
}  // namespace ddpm
