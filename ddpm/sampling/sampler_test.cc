#include "ddpm/sampling/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/times.h"
#include "ddpm/testing/gaussian_data.h"

namespace ddpm {

namespace {

constexpr int64_t kT = 1000;

BatchShape shape_of(int64_t images) {
  return {.images = images, .channels = 1, .height = 5, .width = 7};
}

std::vector<int64_t> first_indices(int64_t n) {
  std::vector<int64_t> indices(static_cast<size_t>(n));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

// The best network for Gaussian data, in terms of what it predicts.
NetworkPointer gaussian_network(const Schedule& schedule, GaussianData data,
                                Prediction prediction) {
  return network_of([=](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
    for (int64_t i = 0; i < x.images(); ++i) {
      const int64_t t = timesteps[static_cast<size_t>(i)].index + 1;
      const NoiseLevel level = schedule.level(t);
      const TargetWeights target = target_weights(prediction, schedule, t);
      for (size_t j = 0; j < x.image(i).size(); ++j) {
        const double value = x.image(i)[j];
        output.image(i)[j] = static_cast<float>(target.x0 * data.x0(level, value) +
                                                target.eps * data.eps(level, value));
      }
    }
  });
}

NoisePredictor gaussian_predictor(GaussianData data = {.m = 0.1, .s = 0.3},
                                  Prediction prediction = Prediction::kEps,
                                  const Schedule& schedule = linear_schedule(kT)) {
  return {gaussian_network(schedule, data, prediction), schedule, prediction};
}

std::vector<float> sample(const NoisePredictor& predictor, const SamplerOptions& options,
                          int64_t steps, uint64_t seed, const std::vector<int64_t>& indices) {
  Batch x(shape_of(std::ssize(indices)));
  fill_initial_noise(seed, indices, x);
  run_sampler(predictor, times_for(Spacing::kTrailing, kT, steps), options, seed, indices, x);
  return {x.values().begin(), x.values().end()};
}

// Each sampler, and each of its ways.
std::vector<SamplerOptions> all_options() {
  std::vector<SamplerOptions> all;
  for (const SamplerKind kind : all_sampler_kinds()) {
    all.push_back({.kind = kind});
    all.push_back({.kind = kind, .clip_x0 = false});
    all.push_back({.kind = kind, .variance = Variance::kFixedSmall});
    all.push_back({.kind = kind, .rederive_eps = false});
    if (kind == SamplerKind::kDdim) all.push_back({.kind = kind, .eta = 0.7});
    if (kind == SamplerKind::kEuler || kind == SamplerKind::kHeun) {
      all.push_back({.kind = kind, .churn = {.amount = 20.0}});
    }
  }
  return all;
}

}  // namespace

// For data N(m, s^2) the best variance lies between the fixed ones, and with it a chain of any
// length ends with the data's spread; beta gives too much and beta_tilde too little. Of a step
// t -> 1, so that the last, noiseless step does not hide it.
TEST(RunSampler, WithTheBestLearnedVarianceKeepsTheSpreadOfTheData) {
  const GaussianData data{.m = 0.1, .s = 0.5};
  const Schedule schedule = linear_schedule(kT);
  const std::vector<int64_t> times = times_for(Spacing::kTrailing, kT, 10);
  const NetworkPointer network =
      network_of([&](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
        const int64_t t = timesteps[0].index + 1;
        const int64_t s = std::max<int64_t>(*(std::find(times.begin(), times.end(), t) + 1), 1);
        const NoiseLevel level = schedule.level(t);
        const Posterior posterior = schedule.posterior(s, t);
        const double best = posterior.variance + posterior.x0_weight * posterior.x0_weight *
                                                     data.s * data.s * level.sigma * level.sigma /
                                                     data.variance(level);
        const LogVarianceRange range = log_variance_range(schedule, s, t);
        const double o = 2.0 * (std::log(best) - range.lower) / (range.upper - range.lower) - 1.0;
        for (int64_t i = 0; i < x.images(); ++i) {
          for (size_t k = 0; k < x.image(i).size(); ++k) {
            output.image(i)[k] = static_cast<float>(data.eps(level, x.image(i)[k]));
            output.image(i)[k + x.image(i).size()] = static_cast<float>(o);
          }
        }
      });
  const NoisePredictor predictor(network, schedule, Prediction::kEps, true);
  const auto spread = [&](Variance variance) {
    const std::vector<float> x = sample(
        predictor, SamplerOptions{.variance = variance, .clip_x0 = false, .ends_at_one = true}, 10,
        3, first_indices(600));
    double sum = 0.0;
    for (const float value : x) sum += (value - 0.1) * (value - 0.1);
    return sum / static_cast<double>(x.size());
  };
  // 21,000 values: the standard error of a variance is sqrt(2 / 21000) of it, 0.0024, so that five
  // of them are 0.0122; a false alarm has probability 6e-7.
  const double wanted = data.variance(schedule.level(1));
  EXPECT_NEAR(spread(Variance::kLearnedRange), wanted, 0.0122);
  EXPECT_GT(spread(Variance::kFixedLarge), wanted + 0.0122);
  EXPECT_LT(spread(Variance::kFixedSmall), wanted - 0.0122);
}

TEST(RunSampler, RefusesALearnedVarianceThatTheNetworkDoesNotSay) {
  Batch x(shape_of(1));
  EXPECT_THROW(run_sampler(gaussian_predictor(), times_for(Spacing::kTrailing, kT, 10),
                           {.variance = Variance::kLearnedRange}, 1, first_indices(1), x),
               InvalidArgument);
}

TEST(FillInitialNoise, IsTheStreamOfEachImage) {
  Batch x(shape_of(2));
  fill_initial_noise(7, std::vector<int64_t>{5, 2}, x);
  std::vector<float> wanted(35);
  fill_normal({.seed = 7, .purpose = Purpose::kInitialNoise, .index = 2}, wanted);
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), x.image(1).begin()));
  EXPECT_THROW(fill_initial_noise(7, std::vector<int64_t>{5}, x), InvalidArgument);
  EXPECT_THROW(fill_initial_noise(7, std::vector<int64_t>{5, -1}, x), InvalidArgument);
}

TEST(StepNoise, IsTheStreamOfImageAndTime) {
  std::vector<float> z(35);
  std::vector<float> wanted(35);
  step_noise(7)(3, 981, z);
  fill_normal({.seed = 7, .purpose = Purpose::kStepNoise, .index = 3, .step = 981}, wanted);
  EXPECT_EQ(z, wanted);
}

TEST(RunSampler, AnImageIsTheSameInAnyBatch) {
  const NoisePredictor predictor = gaussian_predictor();
  for (const SamplerOptions& options : all_options()) {
    const std::vector<float> all = sample(predictor, options, 9, 3, {0, 1, 2, 3, 4});
    const std::vector<float> alone = sample(predictor, options, 9, 3, {3});
    const std::vector<float> other = sample(predictor, options, 9, 3, {4, 3});
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + 3 * 35));
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), other.begin() + 35));
  }
}

TEST(RunSampler, SeedsAndIndicesGiveOtherImages) {
  const NoisePredictor predictor = gaussian_predictor();
  const std::vector<float> image = sample(predictor, {}, 9, 3, {0});
  EXPECT_NE(sample(predictor, {}, 9, 4, {0}), image);
  EXPECT_NE(sample(predictor, {}, 9, 3, {1}), image);
  EXPECT_EQ(sample(predictor, {}, 9, 3, {0}), image);
}

// Every sampler, any number of steps: the loop visits the list, ends in the predicted x_0 and shows
// the observer each step once.
TEST(RunSampler, EverySamplerWalksItsListToTheEnd) {
  const NoisePredictor predictor = gaussian_predictor();
  for (const SamplerOptions& options : all_options()) {
    for (const int64_t steps : {int64_t{1}, int64_t{2}, int64_t{7}, int64_t{50}, kT}) {
      const auto times = times_for(Spacing::kLinspace, kT, steps);
      Batch x(shape_of(2));
      fill_initial_noise(1, first_indices(2), x);
      std::vector<int64_t> left;
      std::vector<float> last_x0;
      run_sampler(predictor, times, options, uint64_t{1}, first_indices(2), x,
                  [&](const SampleStep& step) {
                    EXPECT_EQ(step.t, times[left.size()]);
                    EXPECT_EQ(step.next_t, times[left.size() + 1]);
                    EXPECT_EQ(step.x.values().data(), x.values().data());
                    left.push_back(step.t);
                    last_x0.assign(step.x0.values().begin(), step.x0.values().end());
                  });
      EXPECT_EQ(left, std::vector<int64_t>(times.begin(), times.end() - 1));
      const bool multistep_to_the_end =
          options.kind == SamplerKind::kPndm || options.kind == SamplerKind::kPlms;
      if (multistep_to_the_end) continue;  // theirs is a sum over several predictions
      EXPECT_EQ(std::vector<float>(x.values().begin(), x.values().end()), last_x0);
    }
  }
}

TEST(RunSampler, ClippedImagesStayWithinTheirRange) {
  const NoisePredictor predictor = gaussian_predictor({.m = 0.9, .s = 0.8});
  const auto largest = [&](bool clip) {
    const std::vector<float> x = sample(predictor, {.clip_x0 = clip}, 20, 1, first_indices(20));
    return std::abs(*std::max_element(x.begin(), x.end(),
                                      [](float a, float b) { return std::abs(a) < std::abs(b); }));
  };
  EXPECT_LE(largest(true), 1.0F);
  EXPECT_GT(largest(false), 1.5F);
}

// Samples of N(m, s^2) data have its mean and variance, up to chance and to what few steps and the
// last one, which ends in a mean, lose: E(x_0 | x_t) has the variance signal^2 s^4 / variance(x_t).
TEST(RunSampler, SamplesTheDataInDistribution) {
  const GaussianData data{.m = 0.2, .s = 0.5};
  const NoisePredictor predictor = gaussian_predictor(data);
  for (SamplerOptions options : all_options()) {
    if (options.variance != Variance::kFixedLarge || !options.rederive_eps) continue;
    options.clip_x0 = false;
    const std::string kind =
        to_string(options.kind) + (options.churn.amount > 0.0 ? " with churn" : "");
    const int64_t images = 40;
    const std::vector<float> x = sample(predictor, options, 250, 12, first_indices(images));
    const auto n = static_cast<double>(x.size());
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
    double variance = 0.0;
    for (const float value : x) variance += (value - mean) * (value - mean) / n;
    // 1400 values; 4.9 standard errors, which right code passes by chance in one seed of 10^6; and
    // 0.01 for the 250 steps.
    EXPECT_NEAR(mean, data.m, 4.9 * data.s / std::sqrt(n) + 0.01) << kind;
    EXPECT_NEAR(variance, data.s * data.s, 4.9 * data.s * data.s * std::sqrt(2.0 / n) + 0.01)
        << kind;
  }
}

TEST(RunSampler, EtaOneOfDdimIsAncestralWithSmallVariance) {
  const NoisePredictor predictor = gaussian_predictor();
  const SamplerOptions ddim{.kind = SamplerKind::kDdim, .eta = 1.0};
  const SamplerOptions small{.variance = Variance::kFixedSmall};
  const std::vector<float> a = sample(predictor, ddim, 50, 5, first_indices(3));
  const std::vector<float> b = sample(predictor, small, 50, 5, first_indices(3));
  // float32 arrays over 50 steps; worst seen 6e-8.
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-6);
}

// Every sampler can use every prediction: the same knowledge in other words gives the same images.
TEST(RunSampler, ImagesDoNotDependOnWhatIsPredicted) {
  for (const SamplerOptions& options : all_options()) {
    const std::vector<float> wanted =
        sample(gaussian_predictor(), options, 10, 3, first_indices(2));
    for (const Prediction prediction : all_predictions()) {
      const NoisePredictor predictor = gaussian_predictor({.m = 0.1, .s = 0.3}, prediction);
      const std::vector<float> x = sample(predictor, options, 10, 3, first_indices(2));
      // x_0 from eps and from the mean is known to some 1e-4 at T: float32 times sigma / signal, or
      // times 1 / x0_weight
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_NEAR(x[i], wanted[i], 2e-3)
            << to_string(options.kind) << " " << to_string(prediction);
      }
    }
  }
}

// Where alpha_bar_T is 0, x_T is all noise: eps says nothing of x_0 there, and is refused before
// anything is written; with every other prediction every sampler begins.
TEST(RunSampler, BeginsWithoutSignalUnlessEpsIsPredicted) {
  const Schedule schedule = make_schedule({.T = kT, .zero_terminal_snr = true});
  const GaussianData data{.m = 0.1, .s = 0.3};
  for (const SamplerOptions& options : all_options()) {
    for (const Prediction prediction : all_predictions()) {
      const NoisePredictor predictor = gaussian_predictor(data, prediction, schedule);
      if (prediction == Prediction::kEps) {
        Batch x(shape_of(1));
        fill_initial_noise(3, first_indices(1), x);
        const std::vector<float> before(x.values().begin(), x.values().end());
        EXPECT_THROW(run_sampler(predictor, times_for(Spacing::kTrailing, kT, 10), options,
                                 uint64_t{3}, first_indices(1), x),
                     InvalidArgument);
        EXPECT_EQ(std::vector<float>(x.values().begin(), x.values().end()), before);
        continue;
      }
      for (const float value : sample(predictor, options, 10, 3, first_indices(2))) {
        ASSERT_NEAR(value, data.m, 6.0 * data.s) << to_string(options.kind);  // finite, an image
      }
    }
  }
}

// A noisy image of time t is first shown to the network as one of time t, its timestep t - 1.
TEST(RunSampler, BeginsAtTheTimeOfANoisyImage) {
  const Schedule schedule = linear_schedule(kT);
  const GaussianData point{.m = 0.4, .s = 0.0};
  for (const SamplerOptions& options : all_options()) {
    if (options.churn.amount > 0.0) continue;  // which begins with a lift
    std::vector<int64_t> called;
    const NetworkPointer best = gaussian_network(schedule, point, Prediction::kEps);
    const NetworkPointer network =
        network_of([&](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
          called.push_back(timesteps[0].index);
          best->predict({x, timesteps}, output);
        });
    Batch x(shape_of(1));
    Batch eps(shape_of(1));
    fill_initial_noise(3, first_indices(1), eps);
    std::fill(x.values().begin(), x.values().end(), 0.4F);
    mix(schedule.level(400), x.values(), eps.values(), x.values());
    run_sampler({network, schedule, Prediction::kEps}, std::vector<int64_t>{400, 250, 1, 0},
                options, uint64_t{3}, first_indices(1), x);
    EXPECT_EQ(called.front(), 399) << to_string(options.kind);
    EXPECT_EQ(called.back(), 0) << to_string(options.kind);
    for (const float value : x.values()) EXPECT_NEAR(value, 0.4, 1e-5) << to_string(options.kind);
  }
}

TEST(RunSampler, AsksForNoiseOnlyWhereItHasAWeight) {
  const NoisePredictor predictor = gaussian_predictor();
  const std::vector<int64_t> times = {900, 500, 30, 0};
  const auto asked_for = [&](const SamplerOptions& options) {
    std::vector<std::pair<int64_t, int64_t>> asked;
    const NoiseSource source = [&](int64_t index, int64_t t, std::span<float> z) {
      asked.emplace_back(index, t);
      std::fill(z.begin(), z.end(), 0.0F);
    };
    Batch x(shape_of(2));
    run_sampler(predictor, times, options, source, std::vector<int64_t>{8, 4}, x);
    return asked;
  };
  EXPECT_TRUE(asked_for({.kind = SamplerKind::kDdim}).empty());
  const std::vector<std::pair<int64_t, int64_t>> wanted = {{8, 900}, {4, 900}, {8, 500}, {4, 500}};
  EXPECT_EQ(asked_for({}), wanted);
  EXPECT_EQ(asked_for({.kind = SamplerKind::kDdim, .eta = 0.5}), wanted);
}

TEST(RunSampler, NamesTheStepAndTheImageThatAreNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const NetworkPointer network =
        network_of([bad](ConstBatchView, std::span<const Timestep> timesteps, BatchView output) {
          std::fill(output.values().begin(), output.values().end(), 0.0F);
          if (timesteps[0].index == 980) output.image(1)[9] = bad;
        });
    const NoisePredictor predictor(network, linear_schedule(kT), Prediction::kEps);
    for (const SamplerKind kind : all_sampler_kinds()) {
      Batch x(shape_of(2));
      try {
        run_sampler(predictor, times_for(Spacing::kLeading, kT, 50), {.kind = kind}, uint64_t{0},
                    std::vector<int64_t>{2, 3}, x);
        FAIL() << "no error";
      } catch (const NotFinite& error) {
        EXPECT_STREQ(error.what(),
                     "sampling: x became non-finite in the step from t = 981 to 961, image 3");
      }
    }
  }
}

TEST(RunSampler, ABadCallChangesNothing) {
  const NoisePredictor predictor = gaussian_predictor();
  Batch x(shape_of(2));
  fill_initial_noise(1, first_indices(2), x);
  const std::vector<float> before(x.values().begin(), x.values().end());
  const auto call = [&](std::vector<int64_t> times, SamplerOptions options,
                        std::vector<int64_t> indices) {
    run_sampler(predictor, times, options, uint64_t{1}, indices, x);
  };
  EXPECT_THROW(call({1001, 0}, {}, {0, 1}), InvalidArgument);
  EXPECT_THROW(call({10, 20, 0}, {}, {0, 1}), InvalidArgument);
  EXPECT_THROW(call({10}, {}, {0, 1}), InvalidArgument);
  EXPECT_THROW(call({10, 0}, {}, {0}), InvalidArgument);
  EXPECT_THROW(call({10, 0}, {}, {0, -1}), InvalidArgument);
  EXPECT_THROW(call({10, 0}, {.kind = SamplerKind::kDdim, .eta = 2.0}, {0, 1}), InvalidArgument);
  EXPECT_EQ(std::vector<float>(x.values().begin(), x.values().end()), before);
}

TEST(SamplerKind, NamesGoThereAndBack) {
  for (const SamplerKind kind : all_sampler_kinds()) {
    EXPECT_EQ(sampler_kind_from(to_string(kind)), kind);
  }
  EXPECT_THROW(sampler_kind_from("dpm"), InvalidArgument);
}

}  // namespace ddpm
