#include "ddpm/evaluation/bound_evaluator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/evaluation/bound_summary.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/gaussian_network.h"

namespace ddpm {
namespace {

constexpr BatchShape kImage{1, 1, 16, 16};
constexpr int64_t kImages = 8;

// False alarms beyond five standard errors are rare even where eight images estimate them: by
// Student's t of seven degrees of freedom one in 600; the seeds are fixed and chosen by nobody.
constexpr double kErrors = 5.0;

BoundOptions options_of(BoundPlan plan, Variance variance) {
  BoundOptions options;
  options.plan = std::move(plan);
  options.variance = variance;
  options.clip_x0 = false;
  options.last_term = LastTerm::kDensity;
  return options;
}

std::vector<BoundTerm> all_terms(const BoundEvaluator& evaluator, const ReadImage& read,
                                 int64_t images = kImages, int64_t batch = 50,
                                 BatchShape image = kImage) {
  std::vector<BoundTerm> terms(static_cast<size_t>(images * evaluator.terms_per_image()));
  for (int64_t first = 0; first < std::ssize(terms); first += batch) {
    const int64_t count = std::min(batch, std::ssize(terms) - first);
    evaluator.evaluate(
        read, image, first,
        std::span(terms).subspan(static_cast<size_t>(first), static_cast<size_t>(count)));
  }
  return terms;
}

std::vector<double> all_priors(const BoundEvaluator& evaluator, const ReadImage& read,
                               int64_t images = kImages, BatchShape image = kImage) {
  std::vector<double> priors;
  Batch x0(image);
  for (int64_t i = 0; i < images; ++i) {
    read(i, x0.values());
    priors.push_back(evaluator.prior(x0.values()));
  }
  return priors;
}

BoundSummary summary_of(const BoundEvaluator& evaluator, const ReadImage& read,
                        int64_t images = kImages, BatchShape image = kImage) {
  const BoundOptions& options = evaluator.options();
  return summarise(options.plan, options.draws, all_terms(evaluator, read, images, 50, image),
                   all_priors(evaluator, read, images, image));
}

void expect_within_errors(const Estimate& got, double wanted, const std::string& what) {
  EXPECT_NEAR(got.mean, wanted, kErrors * got.images_error.value()) << what;
}

const BoundRow& row_at(const BoundSummary& summary, int64_t t) {
  return *std::ranges::find(summary.rows, t, &BoundRow::t);
}

BoundPlan all_times(int64_t T) { return bound_plan_from("all", T); }

// The numbers are those of an independent program, from the closed form.
TEST(BoundEvaluator, GivesTheKnownTermsOfGaussianImages) {
  const Schedule schedule = linear_schedule(1000);
  struct {
    GaussianImages images;
    Variance variance;
    double sum, at_2, at_500, at_1000;
  } const rows[] = {
      {{0, .5}, Variance::kFixedSmall, 6.3024368759, 0.8643826112, 1.659047847e-4, 1.485430518e-7},
      {{0, .5}, Variance::kFixedLarge, 5.6456410418, 0.5681904932, 1.660312975e-4, 1.485431741e-7},
      {{0, .5}, Variance::kLearned, 5.6440652832, 0.5681904465, 1.658857092e-4, 1.485430366e-7},
      {{.2, .3}, Variance::kFixedSmall, 5.5504042880, 0.8630338974, 6.053455439e-5, 5.347584397e-8},
      {{.2, .3}, Variance::kLearnedRange, 4.9076169694, 0.5675766566, 6.053201454e-5, 5.3475842e-8},
      {{0, 1}, Variance::kFixedLarge, 6.6438270768, 0.568449808, 6.242349639e-4, 5.941539776e-7},
  };
  for (const auto& row : rows) {
    const std::string name = to_string(row.variance) + " " + std::to_string(row.images.s);
    const BoundEvaluator evaluator(row.images.predictor(schedule, Prediction::kEps, row.variance),
                                   options_of(all_times(1000), row.variance));
    const BoundSummary summary = summary_of(evaluator, row.images.reader());
    EXPECT_LT(summary.steps.images_error.value(), 0.02 * row.sum) << name;
    expect_within_errors(summary.steps, row.sum, name);
    expect_within_errors(row_at(summary, 2).term, row.at_2, name);
    expect_within_errors(row_at(summary, 500).term, row.at_500, name);
    expect_within_errors(row_at(summary, 1000).term, row.at_1000, name);
  }
}

TEST(BoundEvaluator, GivesTheKnownRatesAndDistortionsOfGaussianImages) {
  const Schedule schedule = linear_schedule(1000);
  struct {
    GaussianImages images;
    std::map<int64_t, std::pair<double, double>> at;
  } const rows[] = {
      {{0, .5},
       {{1, {6.3024441546, 1.27480879}},
        {101, {0.8266248111, 36.00966615}},
        {501, {0.0150558420, 63.08820945}},
        {901, {0.0000487469, 63.74784602}}}},
      {{.2, .3},
       {{1, {5.5504080732, 1.27435591}},
        {101, {0.4119749747, 28.76427511}},
        {501, {0.0054573280, 38.10561776}},
        {901, {0.0000187141, 38.24953472}}}},
  };
  for (const auto& row : rows) {
    const BoundEvaluator evaluator(row.images.predictor(schedule),
                                   options_of(all_times(1000), Variance::kFixedSmall));
    const BoundSummary summary = summary_of(evaluator, row.images.reader(2));
    for (const auto& [t, known] : row.at) {
      const BoundRow& got = row_at(summary, t);
      expect_within_errors(got.rate, known.first, "rate at " + std::to_string(t));
      EXPECT_NEAR(got.distortion(), known.second, kErrors * got.distortion_error().value()) << t;
      EXPECT_LT(got.distortion_error().value(), 0.05 * known.second) << t;
    }
  }
}

// Where nothing random enters: an image that the network knows costs what the variance mismatches,
// and L_T is a function of the image.
TEST(BoundEvaluator, IsExactForAnImageThatIsKnown) {
  const Schedule schedule = linear_schedule(1000);
  const double byte = x0_of_byte(128);
  const GaussianImages known{.m = static_cast<float>(byte), .s = 0.0};
  BoundOptions options = options_of(all_times(1000), Variance::kFixedLarge);
  options.last_term = LastTerm::kBytes;
  options.cdf = Cdf::kTanh;
  const BoundEvaluator evaluator(known.predictor(schedule), options);
  const BoundSummary summary = summary_of(evaluator, known.reader(), 2);
  // the predicted x_0 is off by the rounding of x_t to float32, 160 times that at t = 1000
  EXPECT_NEAR(summary.steps.mean, 0.4864192300, 1e-7);
  EXPECT_NEAR(row_at(summary, 2).term.mean, 0.1751248046, 1e-7);
  EXPECT_NEAR(row_at(summary, 101).term.mean, 1.169098253e-4, 1e-9);
  EXPECT_NEAR(summary.last.mean, 0.905018114 / kNatsPerBit, 1e-5);
  EXPECT_NEAR(summary.prior.mean, prior_term_at(schedule, 1000, byte * byte) / kNatsPerBit, 1e-15);
  EXPECT_NEAR(summary.total.mean, summary.prior.mean + summary.steps.mean + summary.last.mean,
              1e-14);
}

TEST(BoundEvaluator, HasOnePartAStepAndThePriorAndCallsTheNetworkAtEachTimeOnce) {
  const Schedule schedule = linear_schedule(20);
  const GaussianImages images{.m = 0.1, .s = 0.4};
  std::map<int64_t, int> calls;
  const NetworkPointer network = images.network(schedule, Prediction::kEps);
  const NoisePredictor counting(
      network_of([&](ConstBatchView x, std::span<const Timestep> timesteps, BatchView out) {
        for (const Timestep& timestep : timesteps) ++calls[timestep.index];
        network->predict({x, timesteps}, out);
      }),
      schedule, Prediction::kEps);
  BoundOptions options = options_of(all_times(20), Variance::kFixedLarge);
  options.draws = 3;
  const BoundEvaluator evaluator(counting, options);
  const BoundSummary summary = summary_of(evaluator, images.reader(), 2);
  EXPECT_EQ(summary.parts, 21);
  EXPECT_EQ(summary.evaluated, 2 * 3 * 20);
  ASSERT_EQ(calls.size(), 20U);
  for (const auto& [index, count] : calls) EXPECT_EQ(count, 6) << index;
  double sum = summary.prior.mean;
  for (const BoundRow& row : summary.rows) sum += row.term.mean;
  EXPECT_NEAR(summary.total.mean, sum, 1e-12);
  // L_1 .. L_{T-1} fall as t rises: a term of another time would not fit in
  for (size_t i = 0; i + 2 < summary.rows.size(); ++i) {
    EXPECT_LT(summary.rows[i].term.mean, summary.rows[i + 1].term.mean) << summary.rows[i].t;
  }
}

// With the best variance and a density for L_0 the bound is the images' own entropy.
TEST(BoundEvaluator, IsTightWithTheBestVarianceHoweverItWasLearned) {
  const Schedule schedule = linear_schedule(1000);
  const GaussianImages images{.m = 0.0, .s = 0.5};
  for (const Variance variance : {Variance::kLearned, Variance::kLearnedRange}) {
    const BoundEvaluator evaluator(images.predictor(schedule, Prediction::kV, variance),
                                   options_of(all_times(1000), variance));
    const BoundSummary summary = summary_of(evaluator, images.reader(3));
    // e_1 is no end of a range, so at t = 1 the place is beyond 1 and the variance still the best
    expect_within_errors(summary.total, 1.0470955852, to_string(variance));
    EXPECT_LT(summary.total.images_error.value(), 0.05);
  }
}

TEST(BoundEvaluator, BothLearnedKindsSayTheSameVariance) {
  const Schedule schedule = linear_schedule(20);
  const GaussianImages images{.m = 0.2, .s = 0.3};
  const auto terms_by = [&](Variance variance) {
    return all_terms(BoundEvaluator(images.predictor(schedule, Prediction::kX0, variance),
                                    options_of(all_times(20), variance)),
                     images.reader(), 2);
  };
  const auto learned = terms_by(Variance::kLearned);
  const auto range = terms_by(Variance::kLearnedRange);
  for (size_t i = 0; i < learned.size(); ++i) {
    EXPECT_NEAR(learned[i].nats, range[i].nats, 1e-5 * std::abs(range[i].nats) + 1e-12) << i;
  }
}

// A shorter chain is a model of its own: its posterior, its L_T, and the same network.
TEST(BoundEvaluator, OfAShorterChainHasTheClosedFormOfItsOwnSteps) {
  const Schedule schedule = linear_schedule(1000);
  const GaussianImages images{.m = 0.0, .s = 0.5};
  const BoundPlan plan = bound_plan_from("respaced:25", 1000);
  const BoundEvaluator evaluator(images.predictor(schedule),
                                 options_of(plan, Variance::kFixedLarge));
  const BoundSummary summary = summary_of(evaluator, images.reader(4));
  ASSERT_EQ(summary.rows.size(), 25U);
  double sum = 0.0;
  for (size_t k = 0; k + 1 < 25; ++k) {
    const int64_t t = plan.times[k];
    const int64_t s = plan.times[k + 1];
    const Posterior q = schedule.posterior(s, t);
    const double variance = schedule.transition(s, t).variance;  // beta of the longer step
    const double error = images.squared_error(schedule.level(t));
    const double wanted = 0.5 *
                          (std::log(variance / q.variance) - 1.0 + q.variance / variance +
                           q.x0_weight * q.x0_weight * error / variance) /
                          kNatsPerBit;
    expect_within_errors(summary.rows[k].term, wanted, std::to_string(t));
    sum += wanted;
  }
  expect_within_errors(summary.steps, sum, "sum");
  EXPECT_EQ(summary.rows.back().t, 40);
  EXPECT_EQ(summary.rows.back().s, 0);
  // the decoder's variance is beta-tilde of the step before the last
  const double variance = schedule.posterior(40, 80).variance;
  const double last =
      0.5 *
      (std::log(2.0 * M_PI * variance) + images.squared_error(schedule.level(40)) / variance) /
      kNatsPerBit;
  expect_within_errors(summary.last, last, "L_0");
}

// What a sampled stratum stands for is the sum over its steps: exactly, for terms without noise.
TEST(BoundEvaluator, SampledStepsStandForTheirStratum) {
  const Schedule schedule = linear_schedule(1000);
  const GaussianImages known{.m = 0.0, .s = 0.0};
  BoundOptions options = options_of(bound_plan_from("sampled:40", 1000), Variance::kFixedLarge);
  options.draws = 50;
  const BoundEvaluator evaluator(known.predictor(schedule), options);
  const BatchShape pixel{1, 1, 1, 1};
  const BoundSummary summary = summary_of(evaluator, known.reader(), 20, pixel);
  expect_within_errors(summary.steps, 0.4864192300, "sum");
  EXPECT_LT(summary.steps.images_error.value(), 0.002);
  EXPECT_NEAR(summary.steps.noise_error.value(), summary.steps.images_error.value(), 0.001)
      << "all that differs between images is what was drawn";
  EXPECT_EQ(summary.evaluated, 20 * 50 * 40);
  // every step of a stratum is drawn, about as often as every other
  const int64_t stratum = 0;
  std::map<int64_t, int> drawn;
  for (int64_t image = 0; image < 400; ++image) {
    ++drawn[evaluator.step_of({.image = image, .draw = 1, .stratum = stratum})];
  }
  const int64_t count = options.plan.strata[0].count;
  EXPECT_EQ(std::ssize(drawn), count);
  for (const auto& [step, times] : drawn) {
    EXPECT_LT(step, count);
    const double mean = 400.0 / static_cast<double>(count);
    EXPECT_NEAR(times, mean, 5.0 * std::sqrt(mean)) << step;
  }
}

TEST(BoundEvaluator, GivesTheSameBitsInAnyBatch) {
  const Schedule schedule = linear_schedule(20);
  const GaussianImages images{.m = 0.1, .s = 0.4};
  BoundOptions options = options_of(bound_plan_from("sampled:7", 20), Variance::kLearnedRange);
  options.draws = 2;
  const BoundEvaluator evaluator(
      images.predictor(schedule, Prediction::kEps, Variance::kLearnedRange), options);
  const auto at_once = all_terms(evaluator, images.reader(), 3, 1000);
  for (const int64_t batch : {1, 3, 14}) {
    const auto in_parts = all_terms(evaluator, images.reader(), 3, batch);
    for (size_t i = 0; i < at_once.size(); ++i) {
      ASSERT_EQ(in_parts[i].nats, at_once[i].nats) << batch << " " << i;
      ASSERT_EQ(in_parts[i].squared_error, at_once[i].squared_error);
    }
  }
}

TEST(BoundEvaluator, EachDrawImageTimeAndSeedHasNoiseOfItsOwn) {
  const Schedule schedule = linear_schedule(20);
  const GaussianImages images{.m = 0.0, .s = 0.5};
  const ReadImage same = [&images](int64_t, std::span<float> out) { images.reader()(0, out); };
  BoundOptions options = options_of(all_times(20), Variance::kFixedLarge);
  options.draws = 2;
  const auto terms = all_terms(BoundEvaluator(images.predictor(schedule), options), same, 2);
  options.seed = 1;
  const auto others = all_terms(BoundEvaluator(images.predictor(schedule), options), same, 2);
  std::map<double, int> found;
  for (const auto& each : {terms, others}) {
    for (const BoundTerm& term : each) ++found[term.squared_error];
  }
  EXPECT_EQ(found.size(), 160U);
}

TEST(BoundEvaluator, ClipsThePredictedImageUnlessToldNotTo) {
  const Schedule schedule = linear_schedule(20);
  const NoisePredictor three(
      network_of([](ConstBatchView, std::span<const Timestep>, BatchView out) {
        std::ranges::fill(out.values(), 3.0F);
      }),
      schedule, Prediction::kX0);
  const ReadImage white = [](int64_t, std::span<float> out) { std::ranges::fill(out, 1.0F); };
  BoundOptions options = options_of(all_times(20), Variance::kFixedLarge);
  for (const BoundTerm& term : all_terms(BoundEvaluator(three, options), white, 1)) {
    EXPECT_EQ(term.squared_error, 4.0);
  }
  options.clip_x0 = true;
  for (const BoundTerm& term : all_terms(BoundEvaluator(three, options), white, 1)) {
    EXPECT_EQ(term.squared_error, 0.0);
  }
}

TEST(BoundEvaluator, NamesTheImageAndTheTimeOfAnOutputThatIsNotFinite) {
  const Schedule schedule = linear_schedule(20);
  const NoisePredictor broken(
      network_of([](ConstBatchView, std::span<const Timestep> timesteps, BatchView out) {
        std::ranges::fill(out.values(), 0.0F);
        for (size_t i = 0; i < timesteps.size(); ++i) {
          if (timesteps[i].index != 6) continue;
          out.image(static_cast<int64_t>(i))[5] = std::numeric_limits<float>::quiet_NaN();
        }
      }),
      schedule, Prediction::kEps);
  const GaussianImages images;
  BoundOptions options = options_of(all_times(20), Variance::kFixedLarge);
  options.clip_x0 = true;
  EXPECT_EQ(
      complaint<NotFinite>([&] { all_terms(BoundEvaluator(broken, options), images.reader()); }),
      "bound: the network's output of image 0 at t = 7 is not finite");
}

// beta_1 = 0: x_1 is x_0 itself, and the posterior of step 2 is a point, which no normal step is.
TEST(BoundEvaluator, RefusesAChainWhoseBoundIsInfinite) {
  const Schedule schedule({0.0, 0.1, 0.2});
  const GaussianImages images{0.0, 0.5};
  const auto evaluator = [&](std::vector<int64_t> times) {
    return BoundEvaluator(images.predictor(schedule, Prediction::kX0),
                          {.plan = whole_plan(std::move(times))});
  };
  EXPECT_THROW(evaluator({3, 2, 1, 0}), InvalidArgument);
  EXPECT_NO_THROW(evaluator({3, 2, 0}));  // the chain that does not stop at t = 1
}

TEST(BoundEvaluator, RefusesWhatHasNoDiscreteLikelihoodAndWhatDoesNotFit) {
  const Schedule schedule = linear_schedule(20);
  const GaussianImages images{.m = 0.0, .s = 0.5};
  BoundOptions options = options_of(all_times(20), Variance::kFixedLarge);
  options.last_term = LastTerm::kBytes;
  EXPECT_THROW(all_terms(BoundEvaluator(images.predictor(schedule), options), images.reader()),
               InvalidArgument);
  options.variance = Variance::kLearned;
  EXPECT_THROW(BoundEvaluator(images.predictor(schedule), options), InvalidArgument);
  options.variance = Variance::kFixedLarge;
  options.draws = 0;
  EXPECT_THROW(BoundEvaluator(images.predictor(schedule), options), InvalidArgument);
  EXPECT_THROW(
      BoundEvaluator(images.predictor(schedule), options_of(all_times(21), Variance::kFixedLarge)),
      InvalidArgument);
}

}  // namespace
}  // namespace ddpm
