// For tests: what every learner has to do (training/learner.h). A test instantiates it with a type
// that has a static function `factory`:
//   INSTANTIATE_TYPED_TEST_SUITE_P(OfToys, LearnerContract, Toys);

#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/config/presets.h"
#include "ddpm/random/stream.h"
#include "ddpm/testing/toy_unet.h"
#include "ddpm/training/learner.h"
#include "ddpm/unet/initial_values.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

inline constexpr std::array<ArraySet, 4> kArraySets = {
    ArraySet::kEma, ArraySet::kRaw, ArraySet::kFirstMoment, ArraySet::kSecondMoment};

// A copy of the whole state of a learner.
struct LearnerState {
  LearnerCounters counters;
  CarriedNumbers carried;
  std::map<ArraySet, ParameterValues> arrays;

  bool operator==(const LearnerState&) const = default;
};

inline ParameterValues copy_of(const ParameterArrays& arrays) {
  ParameterValues values(arrays.size());
  for (size_t k = 0; k < arrays.size(); ++k) {
    arrays.give(
        k, [&](std::span<const float> array) { values[k].assign(array.begin(), array.end()); });
  }
  return values;
}

inline LearnerState state_of(const Learner& learner) {
  LearnerState state{learner.counters(), learner.carried(), {}};
  for (const ArraySet set : kArraySets) state.arrays[set] = copy_of(learner.arrays(set));
  return state;
}

inline void put_set(Learner& learner, ArraySet set, const ParameterValues& values) {
  for (size_t k = 0; k < values.size(); ++k) learner.put_array(set, k, values[k]);
}

inline void put_state(Learner& learner, const LearnerState& state) {
  for (const auto& [set, values] : state.arrays) put_set(learner, set, values);
  learner.restore(state.counters, state.carried);
}

template <typename Learners>
class LearnerContract : public testing::Test {
 protected:
  static constexpr int64_t kImages = 4;

  // T is so small that importance sampling soon knows the losses of every time.
  static TrainConfig config_with(TimestepSampling timestep_sampling) {
    TrainConfig config = preset("tiny");
    config.T = 2;
    config.sample_steps = 2;
    config.batch_size = kImages;
    config.warmup = 2;
    config.dropout = 0.25;
    config.timestep_sampling = timestep_sampling;
    return config;
  }
  static TrainConfig config() { return config_with(TimestepSampling::kStratified); }
  static UNetConfig unet() { return unet_config_of(config(), 1, 8, 8); }

  static std::unique_ptr<Learner> make(const TrainConfig& config) {
    return Learners::factory()(config, unet_config_of(config, 1, 8, 8));
  }

  // Of the samples of step `number`, 0 the first.
  static Batch images(int64_t number) {
    Batch batch({kImages, 1, 8, 8});
    fill_normal({3, Purpose::kTest, static_cast<uint64_t>(number)}, batch.values());
    return batch;
  }
  static StepReport step(Learner& learner) {
    const int64_t number = learner.counters().steps;
    return learner.step(images(number), number * kImages);
  }

  static std::vector<float> prediction(Network& network) {
    const Batch x = images(100);
    const std::vector<Timestep> timesteps(kImages, Timestep{1});
    Batch output({kImages, unet().output_channels(), 8, 8});
    network.predict({x, timesteps}, output);
    return {output.values().begin(), output.values().end()};
  }
};
TYPED_TEST_SUITE_P(LearnerContract);

TYPED_TEST_P(LearnerContract, BeginsWithTheInitialValuesOfItsSeed) {
  TrainConfig config = this->config();
  config.seed = 5;
  const auto learner = this->make(config);
  EXPECT_EQ(learner->config(), config);
  EXPECT_EQ(learner->network_config(), this->unet());
  EXPECT_EQ(learner->counters(), LearnerCounters{});
  EXPECT_TRUE(learner->carried().empty());
  const std::vector<InitialValues> initial = initial_values(this->unet());
  ParameterValues weights;
  ParameterValues zeros;
  for (const NamedShape& parameter : unet_parameters(this->unet())) {
    std::vector<float> values(static_cast<size_t>(parameter.count()), 0.0F);
    zeros.push_back(values);
    fill_initial_values(initial[weights.size()], 5, weights.size(), values);
    weights.push_back(values);
  }
  const LearnerState state = state_of(*learner);
  EXPECT_EQ(state.arrays.at(ArraySet::kRaw), weights);
  EXPECT_EQ(state.arrays.at(ArraySet::kEma), weights);
  EXPECT_EQ(state.arrays.at(ArraySet::kFirstMoment), zeros);
  EXPECT_EQ(state.arrays.at(ArraySet::kSecondMoment), zeros);
}

TYPED_TEST_P(LearnerContract, AStepReportsWhatItDidAndChangesTheStateAlone) {
  const auto learner = this->make(this->config());
  const LearnerState before = state_of(*learner);
  this->step(*learner);
  const StepReport report = this->step(*learner);  // the first has a learning rate of 0
  EXPECT_EQ(report.step, 2);
  EXPECT_EQ(report.t.size(), 4U);
  EXPECT_EQ(report.image_losses.size(), 4U);
  EXPECT_GT(report.gradient_norm, 0.0);
  EXPECT_EQ(report.learning_rate, learning_rate_at(this->config(), 1));
  EXPECT_EQ(report.not_finite, "");
  double mean = 0.0;
  for (const double loss : report.image_losses) mean += loss / 4.0;
  EXPECT_NEAR(report.loss, mean, 1e-6 * mean);  // float32
  const LearnerState after = state_of(*learner);
  EXPECT_EQ(after.counters,
            (LearnerCounters{.steps = 2, .optimizer_updates = 2, .ema_updates = 2}));
  for (const ArraySet set : kArraySets) EXPECT_NE(after.arrays.at(set), before.arrays.at(set));
}

// At each of the steps, since history, warm-up and average are in other states.
TYPED_TEST_P(LearnerContract, ItsStateGoesOnBitForBitInAnotherLearner) {
  for (const TimestepSampling sampling :
       {TimestepSampling::kStratified, TimestepSampling::kUniform, TimestepSampling::kImportance}) {
    SCOPED_TRACE(name_of(kTimestepSamplings, sampling));
    const TrainConfig config = this->config_with(sampling);
    const auto learner = this->make(config);
    for (int64_t i = 0; i < 9; ++i) {
      const LearnerState state = state_of(*learner);
      const auto other = this->make(config);
      put_state(*other, state);
      EXPECT_EQ(state_of(*other), state);
      const StepReport expected = this->step(*learner);
      const StepReport report = this->step(*other);
      EXPECT_EQ(report.t, expected.t);
      EXPECT_EQ(report.image_losses, expected.image_losses);
      EXPECT_EQ(report.loss, expected.loss);
      EXPECT_EQ(report.learning_rate, expected.learning_rate);
      EXPECT_EQ(report.ema_decay, expected.ema_decay);
      EXPECT_EQ(state_of(*other), state_of(*learner));
    }
  }
}

TYPED_TEST_P(LearnerContract, ARestoreWithoutTheLossesThatTimesAreDrawnByIsRefused) {
  const auto learner = this->make(this->config_with(TimestepSampling::kImportance));
  EXPECT_THROW(learner->restore({}, {}), FormatError);
  EXPECT_THROW(learner->restore({}, {{"loss_history", {1.0}}, {"loss_history_counts", {1.0}}}),
               FormatError);
}

TYPED_TEST_P(LearnerContract, ABatchThatIsNotFiniteSkipsTheUpdateAndCounts) {
  for (const TimestepSampling sampling :
       {TimestepSampling::kStratified, TimestepSampling::kImportance}) {
    SCOPED_TRACE(name_of(kTimestepSamplings, sampling));
    const auto learner = this->make(this->config_with(sampling));
    this->step(*learner);
    const LearnerState before = state_of(*learner);
    Batch bad = this->images(1);
    bad.values()[70] = std::numeric_limits<float>::quiet_NaN();  // of the second image
    for (int64_t i = 1; i <= 2; ++i) {
      const StepReport report = learner->step(bad, 4 * i);
      EXPECT_EQ(report.not_finite, "loss");
      EXPECT_FALSE(std::isfinite(report.loss));
      EXPECT_EQ(report.gradient_norm, 0.0);
      EXPECT_TRUE(std::isfinite(report.image_losses[0]));
      EXPECT_FALSE(std::isfinite(report.image_losses[1]));
      const LearnerState after = state_of(*learner);
      EXPECT_EQ(after.arrays, before.arrays);
      EXPECT_EQ(after.carried, before.carried);
      EXPECT_EQ(after.counters, (LearnerCounters{.steps = 1 + i,
                                                 .skipped_updates = i,
                                                 .bad_in_a_row = i,
                                                 .optimizer_updates = 1,
                                                 .ema_updates = 1}));
    }
    EXPECT_EQ(this->step(*learner).not_finite, "");
    EXPECT_EQ(learner->counters(), (LearnerCounters{.steps = 4,
                                                    .skipped_updates = 2,
                                                    .bad_in_a_row = 0,
                                                    .optimizer_updates = 2,
                                                    .ema_updates = 2}));
  }
}

TYPED_TEST_P(LearnerContract, ArraysComeBackAsTheyWerePutInAndNoOtherSetIsChanged) {
  const auto learner = this->make(this->config());
  LearnerState expected = state_of(*learner);
  for (const ArraySet set : kArraySets) {
    expected.arrays[set] = toy_values(this->unet(), static_cast<double>(set) + 1.0);
    put_set(*learner, set, expected.arrays[set]);
    EXPECT_EQ(state_of(*learner), expected);
  }
}

TYPED_TEST_P(LearnerContract, AnArrayThatTheNetworkDoesNotHaveIsRefused) {
  const auto learner = this->make(this->config());
  const LearnerState before = state_of(*learner);
  const ParameterValues values = before.arrays.at(ArraySet::kRaw);
  std::vector<float> longer = values[0];
  longer.push_back(1.0F);
  for (const ArraySet set : kArraySets) {
    EXPECT_THROW(learner->put_array(set, values.size(), values[0]), InvalidArgument);
    EXPECT_THROW(learner->put_array(set, 0, longer), InvalidArgument);
    EXPECT_THROW(learner->put_array(set, 0, {}), InvalidArgument);
  }
  EXPECT_EQ(state_of(*learner), before);
}

TYPED_TEST_P(LearnerContract, ANetworkIsACopyOfTheWeightsThatItIsAskedFor) {
  const auto learner = this->make(this->config());
  const ParameterValues some = toy_values(this->unet(), 1.0);
  const ParameterValues others = toy_values(this->unet(), 2.0);
  put_set(*learner, ArraySet::kRaw, some);
  put_set(*learner, ArraySet::kEma, others);
  const LearnerState before = state_of(*learner);
  const NetworkPointer raw = learner->network(WeightSet::kRaw);
  const NetworkPointer averaged = learner->network(WeightSet::kAveraged);
  const std::vector<float> of_raw = this->prediction(*raw);
  const std::vector<float> of_averaged = this->prediction(*averaged);
  EXPECT_NE(of_raw, of_averaged);
  EXPECT_EQ(state_of(*learner), before);

  this->step(*learner);
  put_set(*learner, ArraySet::kEma, some);
  EXPECT_EQ(this->prediction(*raw), of_raw);
  EXPECT_EQ(this->prediction(*averaged), of_averaged);
  EXPECT_EQ(this->prediction(*learner->network(WeightSet::kAveraged)), of_raw);
}

REGISTER_TYPED_TEST_SUITE_P(LearnerContract, BeginsWithTheInitialValuesOfItsSeed,
                            AStepReportsWhatItDidAndChangesTheStateAlone,
                            ItsStateGoesOnBitForBitInAnotherLearner,
                            ARestoreWithoutTheLossesThatTimesAreDrawnByIsRefused,
                            ABatchThatIsNotFiniteSkipsTheUpdateAndCounts,
                            ArraysComeBackAsTheyWerePutInAndNoOtherSetIsChanged,
                            AnArrayThatTheNetworkDoesNotHaveIsRefused,
                            ANetworkIsACopyOfTheWeightsThatItIsAskedFor);

}  // namespace ddpm
