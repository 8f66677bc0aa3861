#include "ddpm/config/presets.h"

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

// [DDPM] appendix B, with what only the authors' code says: the constant rule of the average and
// the variance of the reverse steps.
Preset cifar10() {
  TrainConfig config;
  config.height = 32;
  config.width = 32;
  config.channels = 3;
  config.channel_multipliers = {1, 2, 2, 2};
  config.attention_resolutions = {16};
  config.ema_rule = EmaRule::kConstant;
  return {"cifar10", "the paper's for CIFAR-10: 32x32, 35.7 M parameters, 800,000 steps", config};
}

TrainConfig paper_256() {
  TrainConfig config = cifar10().config;
  config.height = 256;
  config.width = 256;
  config.channel_multipliers = {1, 1, 2, 2, 4, 4};
  config.dropout = 0.0;
  config.variance = Variance::kFixedSmall;
  config.batch_size = 64;
  config.learning_rate = 2e-5;
  config.sample_count = 16;
  return config;
}

// What the paper's table 2 calls it; it has no row of v.
std::string paper_symbol(Prediction prediction) {
  switch (prediction) {
    case Prediction::kMean:
      return "mu-tilde";
    case Prediction::kEps:
      return "eps";
    case Prediction::kX0:
      return "x_0";
    case Prediction::kV:
      return "v";
  }
  DDPM_ASSERT(false);
}

// A row of the paper's table 2, which compares what to predict and what to make small on CIFAR-10,
// or of what the table leaves out: the prediction of x_0, and a learned variance beside an
// unweighted error, which has to have the bound's part of the hybrid loss or nothing would train
// it. The learned variance is the one of 2015, diagonal and free.
Preset table2_row(Prediction prediction, bool bound, bool learned) {
  TrainConfig config = cifar10().config;
  config.prediction = prediction;
  config.loss = bound ? LossKind::kBound : learned ? LossKind::kHybrid : LossKind::kSimple;
  if (learned) config.variance = Variance::kLearned;
  return {concat("table2-", to_string(prediction), bound ? "-bound" : "-simple",
                 learned ? "-learned" : "-fixed"),
          concat("cifar10 as in the paper's table 2: predicts ", paper_symbol(prediction), ", ",
                 bound     ? "the bound"
                 : learned ? "squared error and the bound of a"
                           : "squared error",
                 bound ? (learned ? " of a learned variance" : " of a fixed variance")
                       : (learned ? " learned variance" : ", fixed variance")),
          config};
}

Preset celebahq256() {
  TrainConfig config = paper_256();
  config.steps = 500000;
  return {"celebahq256", "the paper's for CelebA-HQ: 256x256, 113.7 M parameters, 500,000 steps",
          config};
}

// The paper trains 1.2 M steps on churches, 1.8 M on cats and 2.4 M on bedrooms.
Preset lsun256() {
  TrainConfig config = paper_256();
  config.steps = 1200000;
  return {"lsun256", "the paper's for LSUN churches: 256x256, 113.7 M parameters, 1.2 M steps",
          config};
}

// Five minutes on two cores, chosen by measurement: docs/quickstart.md. Clothes are not flipped:
// every shoe of the set points left.
Preset fashion_mnist() {
  TrainConfig config;
  config.data = "fashion-mnist";
  config.height = 28;
  config.width = 28;
  config.channels = 1;
  config.flip = false;
  config.base_channels = 16;
  config.channel_multipliers = {1, 2, 4};
  config.blocks_per_level = 1;
  config.attention_resolutions = {7};
  config.norm_groups = 8;
  config.dropout = 0.0;
  config.schedule = ScheduleKind::kCosine;
  config.prediction = Prediction::kV;
  config.steps = 4000;
  config.batch_size = 16;
  config.learning_rate = 4e-3;
  config.warmup = 100;
  config.learning_rate_decay = LearningRateDecay::kCosine;
  config.ema_decay = 0.995;
  config.save_every = 1000;
  config.sample_every = 1000;
  config.log_every = 20;
  config.sample_steps = 25;
  return {"fashion-mnist", "the quick start's: 28x28 gray clothes, minutes on two cores", config};
}

Preset tiny() {
  TrainConfig config;
  config.height = 8;
  config.width = 8;
  config.fit = Fit::kStretch;
  config.base_channels = 8;
  config.channel_multipliers = {1, 2};
  config.blocks_per_level = 1;
  config.attention_resolutions = {4};
  config.norm_groups = 4;
  config.T = 20;
  config.beta_T = 0.5;
  config.steps = 20;
  config.batch_size = 4;
  config.learning_rate = 1e-3;
  config.warmup = 5;
  config.ema_decay = 0.9;
  config.save_every = 10;
  config.sample_every = 10;
  config.log_every = 5;
  config.sample_steps = 5;
  config.sample_count = 4;
  return {"tiny", "to try things out: any images at 8x8, trained in seconds", config};
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = [] {
    std::vector<Preset> list = {cifar10(), celebahq256(), lsun256(), fashion_mnist(), tiny()};
    for (const Prediction prediction : {Prediction::kMean, Prediction::kEps, Prediction::kX0}) {
      for (const bool bound : {true, false}) {
        for (const bool learned : {true, false}) {
          list.push_back(table2_row(prediction, bound, learned));
        }
      }
    }
    return list;
  }();
  return all;
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& one : presets()) names.push_back(one.name);
  return names;
}

const Preset& find_preset(std::string_view name) {
  for (const Preset& one : presets()) {
    if (one.name == name) return one;
  }
  const std::vector<std::string> names = preset_names();
  throw InvalidArgument(concat("--preset must be one of ", join(names, ", "), ", got '", name, "'",
                               did_you_mean(name, names)));
}

TrainConfig preset(std::string_view name) { return find_preset(name).config; }

}  // namespace ddpm
