// Whole chains against numbers that an independent program computed in float64.
//
// The network is a formula, o = scale * x * n / (n + 1) at the network's timestep n; so is the
// start, and the noise where there is any. Each chain is walked twice: in float64 on the pure
// functions, which must give all digits, and by run_sampler, whose arrays are float32.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/sampling/sampler.h"
#include "ddpm/sampling/times.h"
#include "ddpm/testing/known_number.h"

namespace ddpm {

namespace {

constexpr BatchShape kShape{.images = 4, .channels = 3, .height = 8, .width = 8};
constexpr auto kSize = static_cast<size_t>(4 * 3 * 8 * 8);

// Values that count up, the image fastest: value k of image i is (4 k + i) / 768.
std::vector<double> ramp() {
  std::vector<double> x(kSize);
  for (size_t i = 0; i < 4; ++i) {
    for (size_t k = 0; k < 192; ++k) x[i * 192 + k] = static_cast<double>(4 * k + i) / 768.0;
  }
  return x;
}

// The same downwards: noise for those chains that have some.
std::vector<double> falling_ramp() {
  std::vector<double> x = ramp();
  for (double& value : x) value = 767.0 / 768.0 - value;
  return x;
}

enum class Noise { kNone, kFallingRamp };

struct Chain {
  Schedule schedule = linear_schedule(1000);
  Prediction prediction = Prediction::kEps;
  std::vector<int64_t> times;
  SamplerOptions options = {};
  Noise noise = Noise::kNone;
  double scale = 1.0;              // of the network
  std::vector<double> x = ramp();  // at times[0]
};

double network(const Chain& chain, double x, int64_t t) {
  return chain.scale * x * static_cast<double>(t - 1) / static_cast<double>(t);
}

// What a network call at t means for one value: x_0 and eps.
std::pair<double, double> estimate(const Chain& chain, double x, int64_t t) {
  const OutputWeights output = output_weights(chain.prediction, chain.schedule, t);
  const NoiseLevel level = chain.schedule.level(t);
  const double o = network(chain, x, t);
  double x0 = output.x0_xt * x + output.x0_output * o;
  double eps = output.eps_xt * x + output.eps_output * o;
  if (chain.options.clip_x0) x0 = std::clamp(x0, -1.0, 1.0);
  if (chain.options.rederive_eps) eps = (x - level.signal * x0) / level.sigma;
  return {x0, eps};
}

// Of the noise of a stage; where the variance is learned the network says 0.
double sigma_of(const Stage& stage) {
  if (!stage.learned_variance) return stage.noise_weight;
  return std::exp(0.5 * stage.learned_variance->at(0.0));
}

// One value through a plan.
double walk_value(const Chain& chain, const Plan& plan, double x, double z) {
  double base = 0.0;
  std::vector<double> x0;   // the newest last
  std::vector<double> eps;  // likewise
  const auto weighted = [](const std::vector<double>& weights, const std::vector<double>& past) {
    double sum = 0.0;
    for (size_t k = 0; k < weights.size(); ++k) {
      if (weights[k] != 0.0) sum += weights[k] * past.at(past.size() - 1 - k);
    }
    return sum;
  };
  for (const Stage& stage : plan) {
    if (stage.keeps_base) base = x;
    const auto [now_x0, now_eps] = estimate(chain, x, stage.t);
    x0.push_back(now_x0);
    eps.push_back(now_eps);
    x = stage.x_weight * x + stage.base_weight * base + weighted(stage.x0_weights, x0) +
        weighted(stage.eps_weights, eps);
    if (chain.noise == Noise::kFallingRamp) x += sigma_of(stage) * z;
  }
  return x;
}

std::vector<double> walk_in_float64(const Chain& chain) {
  const Plan plan = sampler_plan(chain.options, chain.schedule, chain.times);
  const std::vector<double> z = falling_ramp();
  std::vector<double> x = chain.x;
  for (size_t k = 0; k < x.size(); ++k) x[k] = walk_value(chain, plan, x[k], z[k]);
  return x;
}

std::vector<double> walk_by_run_sampler(const Chain& chain) {
  const NetworkPointer formula =
      network_of([&](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
        for (int64_t i = 0; i < x.images(); ++i) {  // a second half stays 0
          std::transform(x.image(i).begin(), x.image(i).end(), output.image(i).begin(),
                         [&](float value) {
                           return static_cast<float>(network(chain, value, timesteps[0].index + 1));
                         });
        }
      });
  const std::vector<double> noise = falling_ramp();
  const NoiseSource source = [&](int64_t index, int64_t, std::span<float> z) {
    for (size_t k = 0; k < z.size(); ++k) {
      const double value = noise[static_cast<size_t>(index) * 192 + k];
      z[k] = chain.noise == Noise::kFallingRamp ? static_cast<float>(value) : 0.0F;
    }
  };
  Batch x(kShape);
  std::transform(chain.x.begin(), chain.x.end(), x.values().begin(),
                 [](double value) { return static_cast<float>(value); });
  const NoisePredictor predictor(formula, chain.schedule, chain.prediction,
                                 is_learned(chain.options.variance));
  run_sampler(predictor, chain.times, chain.options, source, std::vector<int64_t>{0, 1, 2, 3}, x);
  return {x.values().begin(), x.values().end()};
}

double sum_of_sizes(const std::vector<double>& x) {
  double sum = 0.0;
  for (const double value : x) sum += std::abs(value);
  return sum;
}

// `wanted` is the sum of |x| over all 768 values, given to `digits` decimals.
void expect_sum(const Chain& chain, double wanted, double digits, const std::string& what) {
  EXPECT_KNOWN(sum_of_sizes(walk_in_float64(chain)), wanted, digits) << what;
  // float32 arrays: x, x_0 and eps are rounded, each a relative 6e-8, in every step; worst seen
  // 5e-8.
  EXPECT_KNOWN(sum_of_sizes(walk_by_run_sampler(chain)), wanted, 1e-6 * wanted) << what;
}

// Three values by which a transposed or shifted array would show.
void expect_values(const Chain& chain, double first, double last, double middle) {
  const auto at = [](size_t i, size_t c, size_t h, size_t w) {
    return i * 192 + c * 64 + h * 8 + w;
  };
  const std::vector<double> x = walk_in_float64(chain);
  const std::vector<double> same = walk_by_run_sampler(chain);
  const std::pair<size_t, double> wanted[] = {
      {at(0, 0, 0, 0), first}, {at(3, 2, 7, 7), last}, {at(1, 1, 3, 4), middle}};
  for (const auto& [place, value] : wanted) {
    EXPECT_KNOWN(x[place], value, 6e-10);                                     // nine decimals
    EXPECT_KNOWN(same[place], value, 1e-6 * std::max(1.0, std::abs(value)));  // worst seen 2e-7
  }
}

std::vector<int64_t> all_times() { return times_for(Spacing::kTrailing, 1000, 1000); }
std::vector<int64_t> leading(int64_t steps) { return times_for(Spacing::kLeading, 1000, steps); }

const SamplerOptions kDdim{.kind = SamplerKind::kDdim};
const SamplerOptions kSmall{.variance = Variance::kFixedSmall};

// The numbers have nine decimals or more; the worst of 1000 steps in float64 was 1.5e-11.
constexpr double kDigits = 1e-9;

// Outside [-1, 1] from the start: x = 3 ramp - 1.5, and a network that sees half of it.
Chain clipping_chain(std::vector<int64_t> times, SamplerOptions options) {
  Chain chain{.times = std::move(times), .options = options, .scale = 0.5};
  for (double& value : chain.x) value = 3.0 * value - 1.5;
  return chain;
}

}  // namespace

TEST(ReferenceChain, AncestralMeansOfAllSteps) {
  expect_sum({.times = all_times()}, 0.660935189017, kDigits, "eps");
  expect_sum({.prediction = Prediction::kV, .times = all_times()}, 0.113222195001, kDigits, "v");
}

TEST(ReferenceChain, AncestralWithNoise) {
  const auto chain = [](std::vector<int64_t> times, SamplerOptions options) {
    return Chain{.times = std::move(times), .options = options, .noise = Noise::kFallingRamp};
  };
  expect_sum(chain(all_times(), kSmall), 730.393372041609, kDigits, "fixed_small, all");
  expect_sum(chain(all_times(), {}), 730.707631852325, kDigits, "fixed_large, all");
  const SamplerOptions learned{.variance = Variance::kLearnedRange};
  expect_sum(chain(all_times(), learned), 730.549540979601, kDigits, "learned_range, all");
  expect_sum(chain(leading(50), learned), 609.786693911, kDigits, "learned_range, 50");
  expect_sum(chain(leading(50), kSmall), 600.386141504, kDigits, "fixed_small, 50");
  expect_sum(chain(leading(50), {}), 620.991996848, kDigits, "fixed_large, 50");
  const auto ten = times_for(Spacing::kLinspace, 1000, 10);
  expect_sum(chain(ten, kSmall), 331.624723473, kDigits, "fixed_small, 10 linspace");
  expect_values(chain(ten, kSmall), .861157733, .002448318, .448036776);
  expect_sum(chain(ten, {}), 507.985651744, kDigits, "fixed_large, 10 linspace");
  expect_values(chain(ten, {}), 1.0, .002448318, .765512035);
}

TEST(ReferenceChain, DdimTakesTheNextTimeFromItsList) {
  struct Row {
    Spacing spacing;
    int64_t steps;
    double wanted;
  };
  const Row rows[] = {
      {Spacing::kLeading, 50, 192.537281223011},  {Spacing::kLinspace, 50, 192.477998680933},
      {Spacing::kTrailing, 50, 190.672141998070}, {Spacing::kLeading, 10, 172.006522168427},
      {Spacing::kLinspace, 10, 169.464039980253}, {Spacing::kTrailing, 10, 170.034995124211},
      {Spacing::kLeading, 7, 161.043740144083},   {Spacing::kLinspace, 7, 155.076284862900},
      {Spacing::kTrailing, 7, 158.848282502124}};
  for (const Row& row : rows) {
    expect_sum({.times = times_for(row.spacing, 1000, row.steps), .options = kDdim}, row.wanted,
               kDigits, to_string(row.spacing) + " " + std::to_string(row.steps));
  }
}

// Published by diffusers to four decimals; here in float64.
TEST(ReferenceChain, DdimAsPublished) {
  const SamplerOptions raw{.kind = SamplerKind::kDdim, .rederive_eps = false};
  expect_sum({.prediction = Prediction::kV, .times = leading(10), .options = raw}, 52.530123845345,
             kDigits, "v");
  expect_sum({.schedule = linear_schedule(1000, 0.01), .times = leading(10), .options = raw},
             149.829459539704, kDigits, "beta_1 = 0.01");
  Chain from_101{.times = {101, 1, 0}, .options = raw};
  const NoiseLevel level = from_101.schedule.level(101);
  const std::vector<double> eps = falling_ramp();
  for (size_t k = 0; k < kSize; ++k) {
    from_101.x[k] = level.signal * from_101.x[k] + level.sigma * eps[k];
  }
  expect_sum(from_101, 354.541501236262, kDigits, "from t = 101");
}

TEST(ReferenceChain, DdimWithNoise) {
  Chain chain{.times = leading(10), .options = kDdim, .noise = Noise::kFallingRamp};
  chain.options.eta = 1.0;
  expect_sum(chain, 354.737199730, kDigits, "eta = 1");
  expect_values(chain, .917629489, .006165302, .479128466);
  chain.options.eta = 0.5;
  expect_sum(chain, 489.024549909, kDigits, "eta = 0.5");
  expect_values(chain, 1.0, .228783848, .653638365);
}

TEST(ReferenceChain, AncestralWhereClippingActs) {
  const Chain all = clipping_chain(all_times(), {});
  expect_sum(all, 51.948442085, kDigits, "all");
  expect_values(all, -.101610896, .101479373, -.019215482);
  const Chain fifty = clipping_chain(leading(50), {});
  expect_sum(fifty, 69.479201478, kDigits, "50");
  expect_values(fifty, -.132976107, .132806367, -.028190305);
  const Chain unclipped = clipping_chain(leading(50), {.clip_x0 = false});
  expect_sum(unclipped, 449.226736720, kDigits, "50, not clipped");
  expect_values(unclipped, -1.169861294, 1.166814780, -.045697707);
}

TEST(ReferenceChain, DdimWhereClippingActs) {
  const Chain rederived = clipping_chain(leading(50), kDdim);
  expect_sum(rederived, 679.583693066, kDigits, "eps from the clipped x_0");
  expect_values(rederived, -1.0, 1.0, -.334616097);
  const Chain raw =
      clipping_chain(leading(50), {.kind = SamplerKind::kDdim, .rederive_eps = false});
  expect_sum(raw, 180.249160714, kDigits, "the network's eps");
  expect_values(raw, -.258506142, .258443850, -.183343977);
  const Chain unclipped =
      clipping_chain(leading(50), {.kind = SamplerKind::kDdim, .clip_x0 = false});
  expect_sum(unclipped, 5091.306987772, kDigits, "not clipped");
  expect_values(unclipped, -13.258611947, 13.224084312, -.517914529);
}

// diffusers' own numbers, in float64. It visits N + 1 points from T to 1 and leaves out the last.
TEST(ReferenceChain, DpmMultistepAsPublished) {
  SamplerOptions options{.kind = SamplerKind::kDpm2M, .clip_x0 = false, .rederive_eps = false};
  std::vector<int64_t> ten = times_for(Spacing::kLinspace, 1000, 11);
  ten.erase(ten.end() - 2);
  EXPECT_EQ(ten[5], 501);
  expect_sum({.times = ten, .options = options}, 185.011369311393, kDigits, "to the clean image");
  std::vector<int64_t> twenty = times_for(Spacing::kLinspace, 1000, 21);
  twenty.erase(twenty.end() - 2);
  expect_sum({.times = twenty, .options = options}, 194.649192692377, kDigits, "20 steps");
  options.ends_at_one = true;
  expect_sum({.times = ten, .options = options}, 253.552879009423, kDigits, "to time 1");
  expect_sum({.prediction = Prediction::kV, .times = ten, .options = options}, 172.876300335020,
             kDigits, "v");
  Chain from_501{.times = {501, 401, 301, 201, 101, 0}, .options = options};
  const NoiseLevel level = from_501.schedule.level(501);
  const std::vector<double> eps = falling_ramp();
  for (size_t k = 0; k < kSize; ++k) {
    from_501.x[k] = level.signal * from_501.x[k] + level.sigma * eps[k];
  }
  expect_sum(from_501, 318.412981103928, kDigits, "from t = 501");
}

// The largest r is below 1 here, so that every image is clipped to it and divided by it.
TEST(ReferenceChain, DpmMultistepWithThresholdingAsPublished) {
  Chain chain{.times = times_for(Spacing::kLinspace, 1000, 11),
              .options = {.kind = SamplerKind::kDpm2M,
                          .clip_x0 = false,
                          .threshold_quantile = 0.87,
                          .threshold_max = 0.5,
                          .rederive_eps = false,
                          .ends_at_one = true}};
  chain.times.erase(chain.times.end() - 2);
  EXPECT_KNOWN(sum_of_sizes(walk_by_run_sampler(chain)), 872.735442805688, 1e-3);
}

TEST(ReferenceChain, PndmAsPublished) {
  SamplerOptions options{
      .kind = SamplerKind::kPndm, .clip_x0 = false, .rederive_eps = false, .ends_at_one = true};
  expect_sum({.times = leading(10), .options = options}, 198.131739370850, kDigits, "eps");
  // Of v there is a published number too, 67.3986, that is none of this method: it weighs outputs
  // of several times and turns the sum into eps as if all were of the step's first time.
  const Schedule steep = linear_schedule(1000, 0.01);
  expect_sum({.schedule = steep, .times = leading(10), .options = options}, 186.944823932492,
             kDigits, "beta_1 = 0.01");
  options.ends_at_one = false;
  expect_sum({.schedule = steep, .times = leading(10), .options = options}, 230.036923303732,
             kDigits, "beta_1 = 0.01, to the clean image");
}

TEST(ReferenceChain, DdimToTimeOneAsPublished) {
  const SamplerOptions options{
      .kind = SamplerKind::kDdim, .rederive_eps = false, .ends_at_one = true};
  expect_sum({.schedule = linear_schedule(1000, 0.01), .times = leading(10), .options = options},
             149.078429950480, kDigits, "beta_1 = 0.01");
}

}  // namespace ddpm
