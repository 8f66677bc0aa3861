#include <algorithm>

#include "bad_inputs.h"

namespace ddpm {

namespace {

// A new run needs these; what is wrong comes behind.
std::vector<std::string> train_with(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"train", "--preset", "tiny"};
  const auto has = [&more](const char* flag) {
    return std::find(more.begin(), more.end(), flag) != more.end();
  };
  if (!has("--data")) arguments.insert(arguments.end(), {"--data", "data"});
  if (!has("--out")) arguments.insert(arguments.end(), {"--out", "new"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

const std::vector<BadInput>& bad_inputs_of_training() {
  static const std::vector<BadInput> inputs = {
      {"NoCommand", {}, 2, {"ddpm:", "command", "train"}},
      {"UnknownCommand", {"trian"}, 2, {"trian", "did you mean 'train'?"}},
      {"UnknownFlag",
       train_with({"--bach-size", "3"}),
       2,
       {"train:", "--bach-size", "did you mean '--batch-size'?"}},
      {"MissingValue", {"train", "--data"}, 2, {"train:", "--data"}},
      {"NoOut", {"train", "--preset", "tiny", "--data", "data"}, 2, {"train:", "--out"}},
      {"NoData", {"train", "--preset", "tiny", "--out", "new"}, 2, {"train:", "--data"}},
      {"DataMissing", train_with({"--data", "nowhere"}), 2, {"nowhere"}},
      {"DataNameMistyped", train_with({"--data", "fashion-mnits"}), 2, {"fashion-mnist"}},
      {"DataWithoutImages", train_with({"--data", "empty"}), 1, {"empty", "png", "jpg"}},
      {"DataMostlyUnreadable", train_with({"--data", "broken"}), 1, {"001.png", "max-bad-files"}},
      {"StepsNotANumber", train_with({"--steps", "many"}), 2, {"--steps", "many"}},
      {"StepsZero", train_with({"--steps", "0"}), 2, {"steps", "0"}},
      {"BatchNegative", train_with({"--batch-size", "-4"}), 2, {"batch", "-4"}},
      {"LearningRateNegative", train_with({"--learning-rate", "-0.1"}), 2, {"-0.1"}},
      {"EmaDecayOne", train_with({"--ema-decay", "1"}), 2, {"ema", "1"}},
      {"DropoutTooLarge", train_with({"--dropout", "1.5"}), 2, {"dropout", "1.5"}},
      {"UnknownPreset",
       {"train", "--preset", "cifar", "--data", "data", "--out", "new"},
       2,
       {"cifar10"}},
      {"UnknownSchedule", train_with({"--schedule", "cosin"}), 2, {"cosin", "cosine"}},
      {"UnknownPrediction", train_with({"--prediction", "epsilon"}), 2, {"epsilon", "eps"}},
      {"UnknownPrecision", train_with({"--precision", "fp16"}), 2, {"fp16", "bf16"}},
      {"UnknownFit", train_with({"--fit", "squash"}), 2, {"squash", "stretch"}},
      {"Channels", train_with({"--channels", "2"}), 2, {"channels", "2"}},
      {"ImageSizeText", train_with({"--image-size", "8by8"}), 2, {"8by8"}},
      {"ImageSizeIllegal", train_with({"--image-size", "9x8"}), 2, {"9x8", "8x8", "10x8", "--fit"}},
      {"BetaAboveOne", train_with({"--beta-T", "1.5"}), 2, {"beta", "1.5"}},
      {"PresetAndConfig", train_with({"--config", "config.json"}), 2, {"--preset", "--config"}},
      {"ConfigMissing",
       {"train", "--config", "none.json", "--data", "data", "--out", "new"},
       2,
       {"none.json"}},
      {"ConfigUnknownKey",
       {"train", "--config", "config.json", "--out", "new"},
       2,
       {"config.json", "bach_size", "did you mean 'batch_size'?"}},
      {"ConfigNotJson", {"train", "--config", "broken.json", "--out", "new"}, 2, {"broken.json"}},
      {"OutIsARun", train_with({"--out", "run"}), 2, {"run", "--resume run"}},
      {"OutIsAFile", train_with({"--out", "config.json"}), 2, {"config.json", "is a file"}},
      {"ResumeOfNothing", {"train", "--resume", "nowhere"}, 2, {"nowhere", "config.json"}},
      {"ResumeWithOtherSettings",
       {"train", "--resume", "run", "--learning-rate", "0.5"},
       2,
       {"learning_rate", "0.5"}},
      {"ResumeOnOtherData",
       {"train", "--resume", "run", "--data", "other", "--steps", "30"},
       2,
       {"other", "fingerprint", "--allow-other-data"}},
      {"ResumeAndOut", {"train", "--resume", "run", "--out", "new"}, 2, {"--resume", "--out"}},
      {"DeviceUnknown", train_with({"--device", "gpu"}), 2, {"gpu", "cuda"}},
      {"ForwardTimesFalling",
       {"forward", "--data", "data", "--out", "new", "--times", "9,3"},
       2,
       {"--times", "3"}},
      {"ForwardTimeBeyondT",
       {"forward", "--data", "data", "--out", "new", "--times", "2000"},
       2,
       {"1000", "2000"}},
      {"ScheduleUnknown",
       {"schedule", "--schedule", "linear,cosin"},
       2,
       {"cosin", "did you mean 'cosine'"}},
      {"ScheduleWithoutName", {"schedule", "--schedule", "linear,"}, 2, {"got ''"}},
      {"ScheduleTimeBeyondT", {"schedule", "--T", "20", "--times", "21"}, 2, {"[1, 20]", "21"}},
      {"ScheduleOfNoSteps", {"schedule", "--T", "0"}, 2, {"--T", "'0'"}},
      {"ScheduleBetaTooLarge",
       {"schedule", "--schedule", "linear_scaled", "--T", "19"},
       2,
       {"beta_"}},
      {"ScheduleOutIsAFolder", {"schedule", "--out", "data"}, 2, {"--out", "data"}},
      {"ScheduleOfNoCheckpoint", {"schedule", "--checkpoint", "nowhere"}, 2, {"nowhere"}},
      {"TrainEpsAtZeroSnr",
       train_with({"--zero-terminal-snr", "--prediction", "eps"}),
       2,
       {"predict v or x0"}},
      {"TrainBetasOfALine", train_with({"--betas", "0.1,0.2"}), 2, {"belong to the schedule list"}},
      {"ScheduleBetasWithoutList",
       {"schedule", "--betas", "0.1"},
       2,
       {"--schedule list", "linear"}},
      {"ScheduleBetasOfAnotherT",
       {"schedule", "--schedule", "list", "--betas", "0.1,0.2", "--T", "5"},
       2,
       {"--T is 5", "2"}},
      {"ScheduleListWithoutBetas", {"schedule", "--schedule", "list"}, 2, {"--betas"}},
      {"ScheduleBetaAboveOne",
       {"schedule", "--schedule", "list", "--betas", "0.1,1.5"},
       2,
       {"--betas", "0.1,1.5"}},
      {"TrainListWithoutBetas", train_with({"--schedule", "list"}), 2, {"as many betas as T"}},
      {"OutIsAFolder", {"forward", "--data", "data", "--out", "empty"}, 2, {"--out", "empty"}},
      {"OutBehindAFile",
       {"forward", "--data", "data", "--out", "x.npy/picture.png"},
       2,
       {"--out", "x.npy", "is a file"}},
      {"PlanOfAWrongTime",
       {"plan", "--preset", "tiny", "--data", "data", "--fit-time", "soon"},
       2,
       {"--fit-time", "soon"}},
      {"MixedSizesWithoutFit",
       {"train", "--data", "mixed", "--out", "new"},
       2,
       {"8x8", "16x16", "--fit"}},
      {"ADefaultNetworkForNoSize",
       {"train", "--data", "odd", "--out", "new"},
       2,
       {"25x25", "24x24", "32x32", "--fit"}},
      {"ScheduleThatLosesAll",
       train_with({"--T", "100000", "--beta-T", "0.9"}),
       2,
       {"alpha_bar", "too large"}},
  };
  return inputs;
}

}  // namespace ddpm
