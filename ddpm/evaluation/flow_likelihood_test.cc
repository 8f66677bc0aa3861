#include "ddpm/evaluation/flow_likelihood.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/evaluation/bound_summary.h"
#include "ddpm/sampling/times.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/gaussian_network.h"

namespace ddpm {
namespace {

constexpr BatchShape kImage{1, 1, 4, 4};

// The best network's slope is a number at each t: its vector-Jacobian product is a formula too.
NetworkPointer vjp_of(const GaussianImages& images, const Schedule& schedule, Prediction prediction,
                      bool learned = false) {
  return network_of([=](ConstBatchView x, std::span<const Timestep> timesteps,
                        ConstBatchView cotangent, BatchView output, BatchView product) {
    images.network(schedule, prediction, learned ? Variance::kLearned : Variance::kFixedLarge)
        ->predict({x, timesteps}, output);
    for (int64_t i = 0; i < x.images(); ++i) {
      const NoiseLevel level = schedule.level(timesteps[static_cast<size_t>(i)].index + 1);
      const double slope =
          images.output(prediction, level, 1.0) - images.output(prediction, level, 0.0);
      for (size_t k = 0; k < x.image(i).size(); ++k) {
        product.image(i)[k] = static_cast<float>(slope * cotangent.image(i)[k]);
      }
    }
  });
}

FlowOptions options_of(std::vector<int64_t> times) {
  FlowOptions options;
  options.times = std::move(times);
  options.dequantise = false;
  return options;
}

// What the flow makes of N(0, 1) at T: x_T is standardised to x_0 and back.
double exact_cost(const GaussianImages& images, const Schedule& schedule,
                  std::span<const float> x0) {
  const NoiseLevel end = schedule.level(schedule.steps());
  const double spread = std::sqrt(images.variance(end));
  const double s = images.s / spread;
  const double m = images.m - s * end.signal * images.m;
  double sum = 0.0;
  for (const float x : x0) {
    sum += 0.5 * (std::log(2.0 * M_PI * s * s) + (x - m) * (x - m) / (s * s));
  }
  return sum / static_cast<double>(x0.size());
}

FlowDensity density_of(const FlowLikelihood& flow, const ReadImage& read, int64_t image) {
  FlowDensity density{};
  flow.evaluate(read, kImage, image, std::span(&density, 1));
  return density;
}

TEST(FlowLikelihood, ConvergesToTheGaussianDensityAtSecondOrder) {
  const GaussianImages images{.m = 0.3, .s = 0.5};
  for (const ScheduleKind kind : {ScheduleKind::kLinear, ScheduleKind::kCosine}) {
    const Schedule schedule = make_schedule({.kind = kind});
    for (const Prediction prediction : {Prediction::kEps, Prediction::kV, Prediction::kX0}) {
      // eps says little of x_0 at the end of the cosine schedule: float32 times 20,000
      if (kind == ScheduleKind::kCosine && prediction == Prediction::kEps) continue;
      std::vector<float> x0(16);
      images.reader()(3, x0);
      const double exact = exact_cost(images, schedule, x0);
      double before = 0.0;
      for (const int64_t steps : {25, 50, 100, 200}) {
        const FlowLikelihood flow(vjp_of(images, schedule, prediction), schedule, prediction, false,
                                  options_of(times_for(Spacing::kTrailing, 1000, steps)));
        const FlowDensity density = density_of(flow, images.reader(), 3);
        const double error = density.nats - exact;
        if (steps > 25) {
          EXPECT_NEAR(before / error, 4.0, 0.6) << steps << " " << to_string(prediction);
          EXPECT_EQ(density.halved - exact, before) << "every other time is half the steps";
        }
        before = error;
      }
      EXPECT_LT(std::abs(before), 2e-4);
    }
  }
}

// The bits of data from nearly a point to a wide normal distribution, by a list of times.
std::vector<double> bits_by(const Schedule& schedule, const std::vector<int64_t>& times) {
  std::vector<double> bits;
  for (const double s : {0.003, 0.01, 0.03, 0.1, 0.3, 1.0}) {
    const GaussianImages images{.m = 0.1, .s = s};
    const FlowLikelihood flow(vjp_of(images, schedule, Prediction::kV), schedule, Prediction::kV,
                              false, options_of(times));
    bits.push_back(bits_of_density(density_of(flow, images.reader(), 3).nats));
  }
  return bits;
}

// The table of docs/likelihood.md: what few times cost against all times, in the mean over the
// data.
TEST(FlowLikelihood, AngleTimesCostLessThanOthersOnEverySchedule) {
  for (const ScheduleKind kind : {ScheduleKind::kLinear, ScheduleKind::kQuadratic,
                                  ScheduleKind::kCosine, ScheduleKind::kSigmoid}) {
    const Schedule schedule = make_schedule({.kind = kind});
    const auto exact = bits_by(schedule, times_for(Spacing::kTrailing, 1000, 1000));
    const auto cost = [&](const std::vector<int64_t>& times) {
      const auto bits = bits_by(schedule, times);
      double sum = 0.0;
      for (size_t i = 0; i < bits.size(); ++i) sum += std::abs(bits[i] - exact[i]);
      return sum / static_cast<double>(bits.size());
    };
    for (const int64_t steps : {20, 50, 100, 200}) {
      SCOPED_TRACE(to_string(kind) + " " + std::to_string(steps));
      const double angle = cost(angle_times(schedule, steps));
      const double lambda = cost(lambda_times(schedule, steps));
      const double karras = cost(karras_times(schedule, steps));
      const double even = cost(times_for(Spacing::kTrailing, 1000, steps));
      std::printf("| %s | %lld | %.4f | %.4f | %.4f | %.4f |\n", to_string(kind).c_str(),
                  static_cast<long long>(steps), angle, lambda, karras, even);
      EXPECT_LT(angle, lambda);
      EXPECT_LT(angle, karras);
      EXPECT_LT(angle, even);
      EXPECT_LT(angle, 30.0 / static_cast<double>(steps * steps));  // second order
    }
  }
}

TEST(FlowLikelihood, OfStandardNormalImagesIsExactAtOnce) {
  const Schedule schedule = linear_schedule(1000);
  const GaussianImages images{.m = 0.0, .s = 1.0};
  const FlowLikelihood flow(vjp_of(images, schedule, Prediction::kV), schedule, Prediction::kV,
                            false, options_of({1000, 0}));
  std::vector<float> x0(16);
  images.reader()(2, x0);
  EXPECT_NEAR(density_of(flow, images.reader(), 2).nats, exact_cost(images, schedule, x0), 1e-7);
}

TEST(FlowLikelihood, IgnoresTheSecondHalfOfALearnedVariance) {
  const Schedule schedule = linear_schedule(20);
  const GaussianImages images{.m = 0.1, .s = 0.5};
  const auto by = [&](bool learned) {
    const FlowLikelihood flow(vjp_of(images, schedule, Prediction::kV, learned), schedule,
                              Prediction::kV, learned,
                              options_of(times_for(Spacing::kTrailing, 20, 20)));
    return density_of(flow, images.reader(), 0).nats;
  };
  EXPECT_EQ(by(true), by(false));
}

// A network whose v is A x at every t: the divergence is tr A, whatever x is.
struct LinearVelocity {
  std::vector<double> a;  // [16, 16]

  double at(size_t i, size_t j) const { return a[16 * i + j]; }
  NetworkPointer network() const {
    return network_of([*this](ConstBatchView x, std::span<const Timestep>, ConstBatchView cotangent,
                              BatchView output, BatchView product) {
      for (int64_t n = 0; n < x.images(); ++n) {
        for (size_t i = 0; i < 16; ++i) {
          double row = 0.0;
          double column = 0.0;
          for (size_t j = 0; j < 16; ++j) {
            row += at(i, j) * x.image(n)[j];
            column += at(j, i) * cotangent.image(n)[j];
          }
          output.image(n)[i] = static_cast<float>(row);
          product.image(n)[i] = static_cast<float>(column);
        }
      }
    });
  }
};

// The trace of A from each of many probes: what remains of a density without that of A = 0.
std::vector<double> traces_of(const LinearVelocity& velocity, Probe probe, int64_t probes) {
  const Schedule schedule = linear_schedule(1000);
  FlowOptions options = options_of({1000, 0});
  options.probe = probe;
  options.probes = probes;
  const FlowLikelihood flow(velocity.network(), schedule, Prediction::kV, false, options);
  std::vector<FlowDensity> densities(static_cast<size_t>(probes));
  const ReadImage zero = [](int64_t, std::span<float> out) { std::ranges::fill(out, 0.0F); };
  flow.evaluate(zero, kImage, 0, densities);
  const NoiseLevel end = schedule.level(1000);
  const double phi = std::atan2(end.sigma, end.signal);
  std::vector<double> traces;
  for (const FlowDensity& density : densities) {
    // one step, of which half has the divergence of t = 0, which is 0
    traces.push_back((0.5 * std::log(2.0 * M_PI) - density.nats) * 16.0 / (0.5 * phi));
  }
  return traces;
}

TEST(FlowLikelihood, HutchinsonsEstimateIsExactForMultiplesOfTheIdentity) {
  LinearVelocity velocity{std::vector<double>(256)};
  for (size_t i = 0; i < 16; ++i) velocity.a[17 * i] = 0.75;
  for (const double trace : traces_of(velocity, Probe::kRademacher, 20)) {
    EXPECT_NEAR(trace, 12.0, 1e-5);
  }
  const auto normal = traces_of(velocity, Probe::kGaussian, 2);
  EXPECT_GT(std::abs(normal[0] - normal[1]), 1e-3) << "with normal numbers it is not";
}

TEST(FlowLikelihood, HutchinsonsEstimateHasItsMeanAndVariance) {
  LinearVelocity velocity{std::vector<double>(256)};
  std::vector<float> numbers(256);
  fill_normal({1, Purpose::kTest, 7}, numbers);
  double trace = 0.0;
  double off_diagonal = 0.0;
  double diagonal = 0.0;
  for (size_t i = 0; i < 256; ++i) velocity.a[i] = numbers[i];
  for (size_t i = 0; i < 16; ++i) {
    trace += velocity.at(i, i);
    diagonal += 2.0 * velocity.at(i, i) * velocity.at(i, i);
    for (size_t j = 0; j < i; ++j) {
      const double both = velocity.at(i, j) + velocity.at(j, i);
      off_diagonal += both * both;
    }
  }
  constexpr int64_t kProbes = 4000;
  for (const Probe probe : {Probe::kRademacher, Probe::kGaussian}) {
    const double variance = off_diagonal + (probe == Probe::kGaussian ? diagonal : 0.0);
    const Estimate estimate = estimate_of(traces_of(velocity, probe, kProbes), kProbes);
    const double error = std::sqrt(variance / kProbes);
    EXPECT_NEAR(estimate.mean, trace, 4.0 * error) << to_string(probe);
    // 4,000 values whose excess kurtosis is small: 2.5 % is a standard error of their variance
    EXPECT_NEAR(std::pow(estimate.noise_error.value(), 2) * kProbes, variance, 0.12 * variance);
  }
}

// Bytes get the same noise in any batch, and it is a byte wide: the density is a bound of bytes.
TEST(FlowLikelihood, DequantisesBytesByTheirOwnWidth) {
  const Schedule schedule = linear_schedule(20);
  const GaussianImages images{.m = 0.1, .s = 0.5};
  const ReadImage bytes = [](int64_t index, std::span<float> out) {
    for (size_t k = 0; k < out.size(); ++k) {
      out[k] =
          static_cast<float>(x0_of_byte(static_cast<int>(16 * k + static_cast<size_t>(index))));
    }
  };
  FlowOptions options = options_of(times_for(Spacing::kTrailing, 20, 20));
  options.dequantise = true;
  options.draws = 3;
  options.probes = 2;
  std::vector<double> seen;
  const NetworkPointer watched =
      network_of([&, vjp = vjp_of(images, schedule, Prediction::kV)](
                     ConstBatchView x, std::span<const Timestep> timesteps,
                     ConstBatchView cotangent, BatchView output, BatchView product) {
        if (timesteps[0].index == 0) {  // x is x_0 with what was added: v is 0 at t = 0
          for (const float value : x.values()) seen.push_back(value);
        }
        vjp->predict_vjp({x, timesteps}, cotangent, output, product);
      });
  const FlowLikelihood flow(watched, schedule, Prediction::kV, false, options);
  std::vector<FlowDensity> together(12);
  flow.evaluate(bytes, kImage, 0, together);
  double mean = 0.0;
  double square = 0.0;
  for (size_t i = 0; i < 12U * 16U; ++i) {
    const auto image = static_cast<int>(i / 16 / 6);
    const double added = (seen[i] - x0_of_byte(static_cast<int>(16 * (i % 16)) + image)) * 255.0;
    EXPECT_LE(std::abs(added), 1.0 + 1e-4);
    mean += added / 192.0;
    square += added * added / 192.0;
    if (i / 16 % 2 == 0) continue;
    EXPECT_EQ(seen[i], seen[i - 16]) << "two probes of one draw";
  }
  EXPECT_NEAR(mean, 0.0, 5.0 * 0.577 / std::sqrt(96.0));
  EXPECT_NEAR(square, 1.0 / 3.0, 5.0 * 0.298 / std::sqrt(96.0));
  for (int64_t first = 0; first < 12; first += 5) {
    std::vector<FlowDensity> some(static_cast<size_t>(std::min<int64_t>(5, 12 - first)));
    flow.evaluate(bytes, kImage, first, some);
    for (size_t i = 0; i < some.size(); ++i) {
      EXPECT_EQ(some[i].nats, together[static_cast<size_t>(first) + i].nats);
    }
  }
  EXPECT_THROW(flow.evaluate(images.reader(), kImage, 0, together), InvalidArgument);
}

TEST(FlowLikelihood, AUniformDensityOverTheBytesIsEightBits) {
  EXPECT_NEAR(bits_of_density(std::log(256.0 / 127.5)), 8.0, 1e-12);
}

TEST(FlowLikelihood, NamesTheImageAndTheTimeOfWhatIsNotFinite) {
  const Schedule schedule = linear_schedule(20);
  const NetworkPointer broken = network_of([](ConstBatchView, std::span<const Timestep> timesteps,
                                              ConstBatchView, BatchView output, BatchView product) {
    std::ranges::fill(output.values(), 0.0F);
    std::ranges::fill(product.values(),
                      timesteps[0].index == 8 ? std::numeric_limits<float>::quiet_NaN() : 0.0F);
  });
  const FlowLikelihood flow(broken, schedule, Prediction::kV, false,
                            options_of(times_for(Spacing::kTrailing, 20, 20)));
  EXPECT_EQ(complaint<NotFinite>([&] { density_of(flow, GaussianImages().reader(), 5); }),
            "flow: the network's output or its slope of image 5 at t = 9 is not finite");
}

TEST(FlowLikelihood, RefusesWhatDoesNotFit) {
  const Schedule schedule = linear_schedule(20);
  const auto with = [&schedule](FlowOptions options) {
    return FlowLikelihood(vjp_of({}, schedule, Prediction::kV), schedule, Prediction::kV, false,
                          std::move(options));
  };
  EXPECT_THROW(with(options_of({19, 0})), InvalidArgument);
  EXPECT_THROW(with(options_of({20, 5})), InvalidArgument);
  FlowOptions none = options_of({20, 0});
  none.probes = 0;
  EXPECT_THROW(with(none), InvalidArgument);
  EXPECT_THROW(probe_from("gauss"), InvalidArgument);
  EXPECT_EQ(with(options_of(times_for(Spacing::kTrailing, 20, 20))).calls(), 39 + 19);
}

}  // namespace
}  // namespace ddpm
