#include "ddpm/sampling/repaint.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/ancestral.h"
#include "ddpm/sampling/times.h"

namespace ddpm {

namespace {

constexpr int64_t kT = 1000;

using Vector = std::array<double, 2>;
using Matrix = std::array<Vector, 2>;

// Data of two pixels, N(m, C), whose best prediction is a formula.
struct TwoPixels {
  Vector m = {0.2, -0.1};
  Matrix C = {{{0.25, 0.2}, {0.2, 0.36}}};

  // signal C (signal^2 C + sigma^2 1)^-1: what x_0 is regressed with on x_t.
  Matrix gain(NoiseLevel level) const {
    const double n = level.sigma * level.sigma;
    const double p = level.signal * level.signal;
    const Matrix S = {{{p * C[0][0] + n, p * C[0][1]}, {p * C[1][0], p * C[1][1] + n}}};
    const double det = S[0][0] * S[1][1] - S[0][1] * S[1][0];
    const Matrix inverse = {{{S[1][1] / det, -S[0][1] / det}, {-S[1][0] / det, S[0][0] / det}}};
    Matrix K{};
    for (size_t i = 0; i < 2; ++i) {
      for (size_t j = 0; j < 2; ++j) {
        K[i][j] = level.signal * (C[i][0] * inverse[0][j] + C[i][1] * inverse[1][j]);
      }
    }
    return K;
  }
  Vector x0(NoiseLevel level, Vector x) const {
    const Matrix K = gain(level);
    Vector x0 = m;
    for (size_t i = 0; i < 2; ++i) {
      for (size_t j = 0; j < 2; ++j) x0[i] += K[i][j] * (x[j] - level.signal * m[j]);
    }
    return x0;
  }

  // Of the second pixel given the first: the closed forms that filling in should come to.
  double mean_given(double first) const { return m[1] + C[0][1] / C[0][0] * (first - m[0]); }
  double variance_given() const { return C[1][1] - C[0][1] * C[0][1] / C[0][0]; }
};

NoisePredictor predictor_of(const Schedule& schedule, const TwoPixels& data) {
  const NetworkPointer network = network_of(
      [schedule, data](ConstBatchView x, std::span<const Timestep> timesteps, BatchView output) {
        for (int64_t i = 0; i < x.images(); ++i) {
          const NoiseLevel level = schedule.level(timesteps[static_cast<size_t>(i)].index + 1);
          const Vector x0 = data.x0(level, {x.image(i)[0], x.image(i)[1]});
          for (size_t j = 0; j < 2; ++j) output.image(i)[j] = static_cast<float>(x0[j]);
        }
      });
  return {network, schedule, Prediction::kX0};
}

struct Moments {
  double mean;
  double variance;
};

// What algorithm 1 makes of the second pixel, exactly: every move is affine, so mean and covariance
// of both pixels go through it as numbers.
Moments exact_moments(const Schedule& schedule, const TwoPixels& data, double first,
                      const std::vector<int64_t>& times, const RepaintOptions& options) {
  Vector mean = {0.0, 0.0};
  Matrix cov = {{{1.0, 0.0}, {0.0, 1.0}}};
  for (const RepaintMove& move : repaint_moves(std::ssize(times) - 1, options)) {
    const int64_t from = times[static_cast<size_t>(move.from)];
    const int64_t to = times[static_cast<size_t>(move.to)];
    if (to > from) {
      const Transition up = schedule.transition(from, to);
      for (size_t i = 0; i < 2; ++i) {
        mean[i] *= up.signal;
        for (size_t j = 0; j < 2; ++j) cov[i][j] *= up.signal * up.signal;
        cov[i][i] += up.variance;
      }
      continue;
    }
    const NoiseLevel level = schedule.level(from);
    const NoiseLevel next = schedule.level(to);
    const StepWeights w = ancestral_step(level, next, Variance::kFixedLarge);
    const Matrix K = data.gain(level);
    const Vector row = {w.x0_weight * K[1][0], w.x0_weight * K[1][1] + w.x_weight};
    const double unknown = w.x0_weight * data.x0(level, mean)[1] + w.x_weight * mean[1];
    double variance = w.noise_weight * w.noise_weight;
    for (size_t i = 0; i < 2; ++i) {
      for (size_t j = 0; j < 2; ++j) variance += row[i] * cov[i][j] * row[j];
    }
    mean = {next.signal * first, unknown};
    cov = {{{next.sigma * next.sigma, 0.0}, {0.0, variance}}};
  }
  return {mean[1], cov[1][1]};
}

const SamplerOptions kSampler{.clip_x0 = false};
constexpr std::array<uint8_t, 2> kFirstKnown = {1, 0};

std::vector<int64_t> first_indices(int64_t n) {
  std::vector<int64_t> indices(static_cast<size_t>(n));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

// n fillings of an image whose first pixel is `first`; the second one of x0 is never to be seen.
std::vector<float> fill(double first, const std::vector<int64_t>& times, RepaintOptions options,
                        const std::vector<int64_t>& indices,
                        const SamplerOptions& sampler = kSampler, uint64_t seed = 4) {
  Batch x0({std::ssize(indices), 1, 1, 2});
  for (int64_t i = 0; i < x0.images(); ++i) {
    x0.image(i)[0] = static_cast<float>(first);
    x0.image(i)[1] = 1e6F;
  }
  Batch x(x0.shape());
  fill_initial_noise(seed, indices, x);
  options.sampler = sampler;
  run_repaint(predictor_of(linear_schedule(kT), {}), times, options, {x0, kFirstKnown}, seed,
              indices, x);
  return {x.values().begin(), x.values().end()};
}

std::vector<int64_t> entries(const std::vector<RepaintMove>& moves) {
  std::vector<int64_t> way = {0};
  for (const RepaintMove& move : moves) way.push_back(move.to);
  return way;
}

}  // namespace

// By hand: jumps from where 1 and 3 of the 5 steps are left, which are entries 4 and 2.
TEST(RepaintMoves, AreAsCountedByHand) {
  const auto moves = repaint_moves(5, {.jump_length = 2, .resamplings = 2});
  EXPECT_EQ(entries(moves), (std::vector<int64_t>{0, 1, 2, 0, 1, 2, 3, 4, 2, 3, 4, 5}));
  std::vector<int64_t> visits;
  for (const RepaintMove& move : moves) visits.push_back(move.visit);
  //                                      0  1  up 0  1  2  3  up 2  3  4
  EXPECT_EQ(visits, (std::vector<int64_t>{0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0}));
}

// Lines 2 and 3 of the algorithm: every step `resamplings` times, but for the last one.
TEST(RepaintMoves, OfLengthOneAreTheAlgorithm) {
  const auto moves = repaint_moves(3, {.jump_length = 1, .resamplings = 3});
  EXPECT_EQ(entries(moves), (std::vector<int64_t>{0, 1, 0, 1, 0, 1, 2, 1, 2, 1, 2, 3}));
}

TEST(RepaintMoves, WithoutResamplingOrRoomGoStraightDown) {
  EXPECT_EQ(entries(repaint_moves(3, {.jump_length = 1, .resamplings = 1})),
            (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(entries(repaint_moves(3, {.jump_length = 3, .resamplings = 5})),
            (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(entries(repaint_moves(1, {})), (std::vector<int64_t>{0, 1}));
}

TEST(RepaintMoves, LeaveNoMoveTwiceWithTheSameVisit) {
  const auto moves = repaint_moves(100, {.jump_length = 7, .resamplings = 4});
  for (size_t i = 0; i < moves.size(); ++i) {
    for (size_t j = 0; j < i; ++j) ASSERT_NE(moves[i], moves[j]) << i << ' ' << j;
  }
  EXPECT_EQ(moves.back().to, 100);
}

// Sample mean and variance of n normal values have the deviations sd / sqrt(n) and
// variance sqrt(2 / n); 4.9 of them, which right code exceeds in one seed of 10^6. Lists with equal
// and with very unequal steps.
TEST(RunRepaint, HasTheMomentsOfTheAlgorithmToChance) {
  constexpr int64_t kImages = 4000;
  const TwoPixels data;
  const Schedule schedule = linear_schedule(kT);
  const double first = static_cast<float>(0.9);
  for (const auto& times : {times_for(Spacing::kTrailing, kT, 20),
                            std::vector<int64_t>{1000, 850, 800, 500, 420, 100, 90, 17, 0}}) {
    for (const RepaintOptions& options :
         {RepaintOptions{1, 1}, RepaintOptions{1, 3}, RepaintOptions{3, 4}}) {
      const Moments exact = exact_moments(schedule, data, first, times, options);
      const std::vector<float> x = fill(first, times, options, first_indices(kImages));
      double mean = 0.0;
      double square = 0.0;
      for (size_t i = 1; i < x.size(); i += 2) {
        mean += x[i] / kImages;
        square += (x[i] - exact.mean) * (x[i] - exact.mean) / kImages;
      }
      EXPECT_NEAR(mean, exact.mean, 4.9 * std::sqrt(exact.variance / kImages));
      EXPECT_NEAR(square, exact.variance, 4.9 * exact.variance * std::sqrt(2.0 / kImages));
    }
  }
}

// The better, the more often each part of the way is gone; the error about halves where the
// resamplings are doubled. At 100 of them the mean is 0.4542 of 0.46 and the variance 0.2011 of
// 0.2.
TEST(RunRepaint, ApproachesTheConditionalDistributionWithResampling) {
  const TwoPixels data;
  const auto times = times_for(Spacing::kTrailing, kT, kT);
  const double first = 0.9;
  Moments error{.mean = 1.0, .variance = 1.0};
  for (const int64_t resamplings : {1, 5, 10, 20, 100}) {
    const Moments got = exact_moments(linear_schedule(kT), data, first, times,
                                      {.jump_length = 10, .resamplings = resamplings});
    const Moments before = error;
    error.mean = std::abs(got.mean - data.mean_given(first));
    error.variance = std::abs(got.variance - data.variance_given());
    EXPECT_LT(error.mean, 0.6 * before.mean) << resamplings;
    EXPECT_LT(error.variance, 0.6 * before.variance) << resamplings;
  }
  EXPECT_LT(error.mean, 0.01);
  EXPECT_LT(error.variance, 0.002);
}

TEST(RunRepaint, KeepsTheKnownPixelsToTheBit) {
  const std::vector<float> x =
      fill(0.3, times_for(Spacing::kTrailing, kT, 12), {3, 2}, first_indices(3));
  for (size_t i = 0; i < x.size(); i += 2) {
    EXPECT_EQ(x[i], 0.3F);
    EXPECT_NE(x[i + 1], x[(i + 3) % x.size()]);
  }
}

TEST(RunRepaint, WithNothingKnownAndNoResamplingIsTheSampler) {
  const NoisePredictor predictor = predictor_of(linear_schedule(kT), {});
  const std::vector<int64_t> times = {990, 700, 30, 0};
  const std::vector<int64_t> indices = {6, 2};
  const std::vector<uint8_t> none = {0, 0};
  for (const SamplerOptions& sampler :
       {SamplerOptions{}, SamplerOptions{.kind = SamplerKind::kDdim, .eta = 0.5},
        SamplerOptions{.kind = SamplerKind::kDpm1S}, SamplerOptions{.kind = SamplerKind::kEuler}}) {
    Batch x({2, 1, 1, 2});
    fill_initial_noise(8, indices, x);
    Batch wanted = x;
    run_sampler(predictor, times, sampler, uint64_t{8}, indices, wanted);
    const Batch x0(x.shape());
    run_repaint(predictor, times, {2, 1, sampler}, {x0, none}, 8, indices, x);
    for (size_t i = 0; i < x.values().size(); ++i) EXPECT_EQ(x.values()[i], wanted.values()[i]);
  }
}

TEST(RunRepaint, AnImageIsTheSameInAnyBatch) {
  const auto times = times_for(Spacing::kTrailing, kT, 15);
  const std::vector<float> together = fill(0.3, times, {4, 3}, {0, 1, 2, 3});
  const std::vector<float> alone = fill(0.3, times, {4, 3}, {2});
  EXPECT_EQ(alone, (std::vector<float>{together[4], together[5]}));
  EXPECT_NE(fill(0.3, times, {4, 3}, {2}, kSampler, 5), alone);
}

TEST(RunRepaint, CallsTheNetworkAtTheTimesOfTheList) {
  const Schedule schedule = linear_schedule(kT);
  std::vector<int64_t> called;
  const NoisePredictor predictor(
      network_of([&](ConstBatchView, std::span<const Timestep> timesteps, BatchView) {
        called.push_back(timesteps[0].index + 1);
      }),
      schedule, Prediction::kEps);
  Batch x({1, 1, 1, 2});
  const Batch x0(x.shape());
  std::vector<std::pair<int64_t, int64_t>> seen;
  run_repaint(predictor, std::vector<int64_t>{900, 600, 70, 0}, {2, 2, kSampler}, {x0, kFirstKnown},
              1, std::vector<int64_t>{0}, x,
              [&](const SampleStep& step) { seen.emplace_back(step.t, step.next_t); });
  EXPECT_EQ(called, (std::vector<int64_t>{900, 600, 900, 600, 70}));
  EXPECT_EQ(seen, (std::vector<std::pair<int64_t, int64_t>>{
                      {900, 600}, {600, 70}, {900, 600}, {600, 70}, {70, 0}}));
}

// A jump over two steps, and the known pixel before and behind it: each by a stream of its own,
// which a second visit does not draw from again.
TEST(RunRepaint, JumpsByTheForwardProcessWithFreshNoise) {
  const Schedule schedule = linear_schedule(kT);
  std::vector<Vector> called_at;
  const NoisePredictor predictor(
      network_of([&](ConstBatchView x, std::span<const Timestep>, BatchView output) {
        called_at.push_back({x.image(0)[0], x.image(0)[1]});
        output.image(0)[1] = 0.25F;
      }),
      schedule, Prediction::kEps);
  Batch x({1, 1, 1, 2});
  Batch x0(x.shape());
  x0.values()[0] = -0.5F;
  std::vector<Vector> reached;
  run_repaint(predictor, std::vector<int64_t>{900, 600, 70, 0}, {2, 2, kSampler}, {x0, kFirstKnown},
              6, std::vector<int64_t>{3}, x, [&](const SampleStep& step) {
                reached.push_back({step.x.image(0)[0], step.x.image(0)[1]});
              });
  const auto noise = [](Purpose purpose, uint64_t t, uint64_t visit) {
    std::vector<float> z(2);
    fill_normal({.seed = 6, .purpose = purpose, .index = 3, .step = t | visit << 32}, z);
    return z;
  };
  const Transition up = schedule.transition(70, 900);
  const std::vector<float> z = noise(Purpose::kJumpNoise, 900, 1);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_FLOAT_EQ(static_cast<float>(called_at[2][i]),
                    static_cast<float>(up.signal * reached[1][i] + std::sqrt(up.variance) * z[i]));
  }
  const NoiseLevel level = schedule.level(600);
  for (const uint64_t visit : {0U, 1U}) {  // the steps from 900 to 600
    const std::vector<float> known = noise(Purpose::kKnownNoise, 900, visit);
    EXPECT_FLOAT_EQ(static_cast<float>(reached[2 * visit][0]),
                    static_cast<float>(level.signal * -0.5 + level.sigma * known[0]));
  }
}

TEST(RunRepaint, RejectsSamplersThatRememberAndWrongShapes) {
  const NoisePredictor predictor = predictor_of(linear_schedule(kT), {});
  const auto times = times_for(Spacing::kTrailing, kT, 10);
  const std::vector<int64_t> one = {0};
  Batch x({1, 1, 1, 2});
  const Batch x0(x.shape());
  const auto call = [&](const SamplerOptions& sampler, RepaintOptions options, ConstBatchView image,
                        std::span<const uint8_t> known) {
    options.sampler = sampler;
    run_repaint(predictor, times, options, {image, known}, 0, one, x);
  };
  for (const SamplerKind kind : {SamplerKind::kDpm2S, SamplerKind::kDpm2M, SamplerKind::kDpm2MSde,
                                 SamplerKind::kPndm, SamplerKind::kPlms, SamplerKind::kHeun}) {
    EXPECT_THROW(call({.kind = kind}, {}, x0, kFirstKnown), InvalidArgument) << to_string(kind);
  }
  EXPECT_THROW(call({.kind = SamplerKind::kEuler, .churn = {.amount = 5.0}}, {}, x0, kFirstKnown),
               InvalidArgument);
  EXPECT_THROW(call(kSampler, {0, 1}, x0, kFirstKnown), InvalidArgument);
  EXPECT_THROW(call(kSampler, {1, 0}, x0, kFirstKnown), InvalidArgument);
  EXPECT_THROW(call(kSampler, {}, x0, std::vector<uint8_t>{1}), InvalidArgument);
  EXPECT_THROW(call(kSampler, {}, Batch({1, 1, 2, 1}), kFirstKnown), InvalidArgument);
  EXPECT_EQ(x.values()[0], 0.0F);
}

}  // namespace ddpm
