// What is trained: a network with its weights, its optimiser and its averages, one step at a time.
//
// The loop of a run (run.h) asks this interface alone. So whoever computes gradients, the run
// folder, the log and the checkpoints are the same, and a run that one implementation began goes on
// with another. What every implementation does in the same way is in learner_progress.h, and
// testing/learner_contract.h is the test that each of them has to pass.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/checkpoints/checkpoint.h"
#include "ddpm/config/train_config.h"
#include "ddpm/diffusers/parameters.h"
#include "ddpm/diffusion/network.h"
#include "ddpm/unet/config.h"

namespace ddpm {

// The result of one step.
struct StepReport {
  int64_t step = 0;   // the number of the step, the first is 1
  double loss = 0.0;  // the mean over the batch, weighted if t is drawn by importance
  std::vector<double> image_losses;  // [N], of each image, not so weighted
  std::vector<int64_t> t;            // [N], in [1, T]
  double gradient_norm = 0.0;        // global, before clipping; 0 if the loss is not finite
  double learning_rate = 0.0;
  double ema_decay = 0.0;
  std::string not_finite;  // "loss" or "gradient" if the update was skipped; otherwise ""
};

struct LearnerCounters {
  int64_t steps = 0;              // done, skipped updates among them
  int64_t skipped_updates = 0;    // for a loss or a gradient that was not finite
  int64_t bad_in_a_row = 0;       // the last of these, without an update between
  int64_t optimizer_updates = 0;  // Adam's k
  int64_t ema_updates = 0;

  bool operator==(const LearnerCounters&) const = default;
};

// Numbers by name that go from step to step beside arrays and counters; finite.
using CarriedNumbers = std::map<std::string, std::vector<double>>;

// The weights that a network is made of for a preview.
enum class WeightSet { kAveraged, kRaw };

// A step is a function of config(), of the state and of the batch alone: every random number is
// addressed by the number of the training sample. The state is what counters(), carried() and the
// four sets of arrays() give; a learner into which all of them are put goes on bit for bit. It has
// the same meaning for every implementation:
//   kRaw           the weights
//   kEma           their exponential moving averages, which begin as the weights do
//   kFirstMoment   Adam's m, not corrected for its bias; zero at the start
//   kSecondMoment  Adam's v, likewise
// A new learner has the weights of unet/initial_values.h for config().seed, and counters of zero.
//
// One thread at a time may use a learner. The networks that it gave belong to the caller, who may
// use them beside it.
class Learner {
 public:
  virtual ~Learner() = default;

  virtual const TrainConfig& config() const = 0;
  virtual const UNetConfig& network_config() const = 0;

  // Trains on the samples first_sample, first_sample + 1, .. of the run. An update whose loss or
  // gradient is not finite is skipped: then the arrays are unchanged, and only steps,
  // skipped_updates and bad_in_a_row are counted.
  //   x0  float32 [N, C, H, W] in [-1, 1], of the network's size; N >= 1
  virtual StepReport step(ConstBatchView x0, int64_t first_sample) = 0;

  virtual LearnerCounters counters() const = 0;
  virtual CarriedNumbers carried() const = 0;

  // Goes on from there. `carried` may have other names, too. Throws FormatError if numbers are
  // missing or do not fit; the learner must then not be used.
  virtual void restore(const LearnerCounters& counters, const CarriedNumbers& carried) = 0;

  // One set, float32, row-major, in the order of unet_parameters; on another device one array at a
  // time is copied. Valid until the next call of step() or put_array(), at most as long as the
  // learner.
  virtual ParameterArrays arrays(ArraySet set) const = 0;

  // Replaces array k of one set. Throws InvalidArgument unless k is a parameter of the network and
  // `values` has as many elements; the learner is then unchanged.
  virtual void put_array(ArraySet set, size_t k, std::span<const float> values) = 0;

  // A copy of the network as it is now, in float32, where the learner computes.
  virtual NetworkPointer network(WeightSet weights) const = 0;
};

// Makes a new learner. Throws InvalidArgument for a configuration that it cannot train.
using LearnerFactory =
    std::function<std::unique_ptr<Learner>(const TrainConfig& config, const UNetConfig& unet)>;

}  // namespace ddpm
