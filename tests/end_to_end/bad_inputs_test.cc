// Each thing that a person may get wrong: one line that says who, wanted and got, the right exit
// code, and nothing written.

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "ddpm/base/file.h"
#include "ddpm/formats/npy.h"
#include "ddpm/formats/png.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPickle = "\x80\x02}q\x01.";

struct BadInput {
  std::string name;
  std::vector<std::string> arguments;
  int exit_code;
  std::vector<std::string> said;  // all of these are in the line
};

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

std::vector<std::string> sample_with(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"sample", "--checkpoint", "run", "--out", "new"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// A command that makes a picture of the run.
std::vector<std::string> picture_with(const std::string& command,
                                      const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {command, "--checkpoint", "run", "--out", "new"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::vector<std::string> evaluate_with(const std::string& kind,
                                       const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"evaluate", kind,   "--checkpoint", "run",
                                        "--data",   "data", "--images",     "2"};
  if (std::find(more.begin(), more.end(), "--out") == more.end()) {
    arguments.insert(arguments.end(), {"--out", "new"});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

const std::vector<BadInput>& bad_inputs() {
  static const std::vector<BadInput> inputs = {
      {"NoCommand", {}, 2, {"ddpm:", "command", "train"}},
      {"UnknownCommand", {"trian"}, 2, {"trian", "did you mean 'train'?"}},
      {"UnknownFlag",
       train_with({"--bach-size", "3"}),
       2,
       {"train:", "--bach-size", "did you mean '--batch-size'?"}},
      {"UnknownFlagOfSample", sample_with({"--cuont", "3"}), 2, {"--cuont", "'--count'"}},
      {"StrayWord", sample_with({"surplus"}), 2, {"sample:", "surplus"}},
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
      {"SampleWithoutCheckpoint", {"sample", "--out", "new"}, 2, {"--checkpoint"}},
      {"SampleOfNothing", {"sample", "--checkpoint", "nowhere", "--out", "new"}, 2, {"nowhere"}},
      {"SampleOfAFolderOfImages", {"sample", "--checkpoint", "data", "--out", "new"}, 2, {"data"}},
      {"SampleTooManySteps", sample_with({"--steps", "5000"}), 2, {"--steps", "5000"}},
      {"SampleEtaWithDdpm", sample_with({"--eta", "0.5"}), 2, {"--eta", "ddim"}},
      {"SampleChurnWithDdim",
       sample_with({"--sampler", "ddim", "--churn", "1"}),
       2,
       {"--churn", "euler or heun"}},
      {"SampleRespacingOfNoStride",
       sample_with({"--respacing", "ddim19"}),
       2,
       {"ddim19", "stride"}},
      {"SampleRespacingAndSteps",
       sample_with({"--respacing", "5", "--steps", "5"}),
       2,
       {"exclude each other"}},
      {"SampleTimesThatRise", sample_with({"--times", "3,7"}), 2, {"fall strictly"}},
      {"SampleThresholdAndNoClip",
       sample_with({"--threshold-quantile", "0.9", "--no-clip"}),
       2,
       {"exclude each other"}},
      {"SampleThresholdMaxAlone",
       sample_with({"--threshold-max", "2"}),
       2,
       {"--threshold-quantile"}},
      {"SampleTimesBeyondT", sample_with({"--times", "5000,3"}), 2, {"at most", "5000"}},
      {"SampleRawEpsWithoutClipping",
       sample_with({"--raw-eps", "--no-clip"}),
       2,
       {"--raw-eps", "--no-clip"}},
      {"SampleEtaTooLarge", sample_with({"--sampler", "ddim", "--eta", "2"}), 2, {"--eta", "2"}},
      {"SampleUnknownSampler", sample_with({"--sampler", "ddmp"}), 2, {"ddmp", "ddpm"}},
      {"SampleCountZero", sample_with({"--count", "0"}), 2, {"--count", "0"}},
      {"SampleIntoAnotherJob",
       {"sample", "--checkpoint", "run", "--out", "done", "--count", "1", "--seed", "2",
        "--sampler", "ddim", "--steps", "2"},
       2,
       {"000000.png", "seed"}},
      {"PredictWrongShape",
       {"predict", "--checkpoint", "run", "--input", "small.npy", "--timesteps", "t.npy",
        "--output", "new"},
       2,
       {"[1, 1, 4, 4]"}},
      {"PredictTimestepOutside",
       {"predict", "--checkpoint", "run", "--input", "x.npy", "--timesteps", "late.npy", "--output",
        "new"},
       2,
       {"1000"}},
      {"PredictNotAnArray",
       {"predict", "--checkpoint", "run", "--input", "config.json", "--timesteps", "t.npy",
        "--output", "new"},
       1,
       {"config.json"}},
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
      {"ScheduleListWithoutBetas", {"schedule", "--schedule", "list"}, 2, {"--betas"}},
      {"ScheduleBetaAboveOne",
       {"schedule", "--schedule", "list", "--betas", "0.1,1.5"},
       2,
       {"--betas", "0.1,1.5"}},
      {"TrainListWithoutBetas", train_with({"--schedule", "list"}), 2, {"as many betas as T"}},
      {"InfoOfNothing", {"info", "nowhere"}, 2, {"nowhere"}},
      {"InfoWithoutPath", {"info"}, 2, {"PATH"}},
      {"PickleWeights",
       {"sample", "--checkpoint", "pickled", "--out", "new"},
       1,
       {"sample:", "pickle", "safetensors", "weights_only=True"}},
      {"WeightsOnlyAsBin",
       {"sample", "--checkpoint", "zipped", "--out", "new"},
       1,
       {"sample:", "zip", "diffusion_pytorch_model.bin", "weights_only=True"}},
      {"WeightsMissing",
       {"info", "weightless"},
       1,
       {"info:", "diffusion_pytorch_model.safetensors", "missing"}},
      {"CheckpointIsAPickle", {"info", "old.pt"}, 1, {"old.pt", "pickle", "weights_only=True"}},
      {"CheckpointIsAnotherFile", {"info", "x.npy"}, 2, {"x.npy", "got a file"}},
      {"OutIsAFolder", {"forward", "--data", "data", "--out", "empty"}, 2, {"--out", "empty"}},
      {"OutBehindAFile",
       {"forward", "--data", "data", "--out", "x.npy/picture.png"},
       2,
       {"--out", "x.npy", "is a file"}},
      {"NpzIsAFolder", sample_with({"--npz", "empty"}), 2, {"--npz", "empty"}},
      {"DenoiseFromBeyondT",
       {"denoise", "--checkpoint", "run", "--out", "new", "--data", "data", "--from", "21"},
       2,
       {"--from", "20", "21"}},
      {"InterpolateWithoutImages",
       picture_with("interpolate", {}),
       2,
       {"--data", "--from", "neither"}},
      {"InterpolateDataAndFiles",
       picture_with("interpolate", {"--data", "data", "--from", "data/000.png"}),
       2,
       {"--data", "both"}},
      {"InterpolateOneFile",
       picture_with("interpolate", {"--from", "data/000.png"}),
       2,
       {"--from", "--to", "one of them"}},
      {"InterpolateThreeImages",
       picture_with("interpolate", {"--data", "data", "--images", "1,2,3"}),
       2,
       {"--images", "two different", "1,2,3"}},
      {"InterpolateAnImageWithItself",
       picture_with("interpolate", {"--data", "data", "--images", "4,4"}),
       2,
       {"two different", "4,4"}},
      {"InterpolateImageBeyondTheData",
       picture_with("interpolate", {"--data", "data", "--images", "1,24"}),
       2,
       {"--images", "[0, 24)", "got 24"}},
      {"InterpolateTimeBeyondT",
       picture_with("interpolate", {"--data", "data", "--at", "5,21"}),
       2,
       {"--at", "[0, 20]", "got 21"}},
      {"InterpolateOnePoint",
       picture_with("interpolate", {"--data", "data", "--points", "1"}),
       2,
       {"--points", "'1'"}},
      {"InterpolateUnknownMix",
       picture_with("interpolate", {"--data", "data", "--mix", "spheric"}),
       2,
       {"--mix", "spheric", "spherical"}},
      {"InterpolateSharedNoiseOfDdim",
       picture_with("interpolate", {"--data", "data", "--noise", "shared", "--encode", "ddim"}),
       2,
       {"--noise shared", "--encode q"}},
      {"InterpolateFileMissing",
       picture_with("interpolate", {"--from", "data/000.png", "--to", "nowhere.png"}),
       2,
       {"nowhere.png"}},
      {"ProgressiveColumnsAndEvery",
       picture_with("progressive", {"--columns", "4", "--every", "5"}),
       2,
       {"--columns", "--every", "exclude each other"}},
      {"ProgressiveOneColumn",
       picture_with("progressive", {"--columns", "1"}),
       2,
       {"--columns", "1"}},
      {"ProgressiveSingleIsAFile",
       picture_with("progressive", {"--single", "config.json"}),
       2,
       {"--single", "config.json", "is a file"}},
      {"FamilyWithoutNoise",
       picture_with("family", {"--sampler", "ddim", "--steps", "5"}),
       2,
       {"--sampler ddim", "no noise", "--eta"}},
      {"FamilyThatPartsAtTheEnd",
       picture_with("family", {"--shared-until", "1"}),
       2,
       {"no noise", "1"}},
      {"FamilyThatNeverParts",
       picture_with("family", {"--shared-until", "3", "--steps", "4"}),
       2,
       {"parting time", "5", "got 3"}},
      {"FamilyBeyondT",
       picture_with("family", {"--shared-until", "21"}),
       2,
       {"--shared-until", "[1, 20]", "got 21"}},
      {"FamilyWithChurn",
       picture_with("family", {"--sampler", "heun", "--churn", "3"}),
       2,
       {"--churn"}},
      {"ReconstructWithoutData", picture_with("reconstruct", {}), 2, {"--data"}},
      {"ReconstructFromTimeZero",
       picture_with("reconstruct", {"--data", "data", "--at", "0"}),
       2,
       {"--at", "[1, 20]", "got 0"}},
      {"ReconstructUnknownEncoding",
       picture_with("reconstruct", {"--data", "data", "--encode", "dim"}),
       2,
       {"--encode", "dim", "ddim"}},
      {"ReconstructCsvIsAFolder",
       picture_with("reconstruct", {"--data", "data", "--csv", "empty"}),
       2,
       {"--csv", "empty"}},
      {"InpaintWithoutMask", picture_with("inpaint", {"--data", "data"}), 2, {"--mask", "neither"}},
      {"InpaintMaskAndFill",
       picture_with("inpaint", {"--data", "data", "--mask", "data/000.png", "--fill", "left"}),
       2,
       {"--mask", "both"}},
      {"InpaintUnknownFill",
       picture_with("inpaint", {"--data", "data", "--fill", "center"}),
       2,
       {"--fill", "center", "did you mean 'centre'?"}},
      {"InpaintBoxOutside",
       picture_with("inpaint", {"--data", "data", "--fill", "5,5,4,4"}),
       2,
       {"--fill", "8", "5,5,4,4"}},
      {"InpaintEverything",
       picture_with("inpaint", {"--data", "data", "--fill", "0,0,8,8"}),
       2,
       {"--fill", "0 of 64 known"}},
      {"InpaintMaskOfAnotherSize",
       picture_with("inpaint", {"--data", "data", "--mask", "mixed/large.png"}),
       2,
       {"--mask", "8x8", "16x16"}},
      {"InpaintMaskIsNoPicture",
       picture_with("inpaint", {"--data", "data", "--mask", "broken/001.png"}),
       1,
       {"inpaint:", "001.png"}},
      {"InpaintMaskMissing",
       picture_with("inpaint", {"--data", "data", "--mask", "nowhere.png"}),
       2,
       {"--mask", "nowhere.png"}},
      {"InpaintByASamplerWithMemory",
       picture_with("inpaint", {"--data", "data", "--fill", "left", "--sampler", "dpmpp_2m"}),
       2,
       {"one call a step", "ddim"}},
      {"InpaintWithoutResamplings",
       picture_with("inpaint", {"--data", "data", "--fill", "left", "--resamplings", "0"}),
       2,
       {"--resamplings", "'0'"}},
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
      {"EvaluateNothing", {"evaluate"}, 2, {"evaluate:", "bpd", "rate-distortion", "ode"}},
      {"EvaluateUnknown", {"evaluate", "bdp"}, 2, {"bdp", "did you mean 'bpd'?"}},
      {"EvaluateWithoutData",
       {"evaluate", "bpd", "--checkpoint", "run", "--out", "new"},
       2,
       {"evaluate bpd:", "--data"}},
      {"EvaluateUnknownFlag", evaluate_with("bpd", {"--darws", "2"}), 2, {"'--draws'"}},
      {"EvaluateUnknownTimes",
       evaluate_with("bpd", {"--times", "some"}),
       2,
       {"evaluate bpd:", "all, respaced:N or sampled:N", "some"}},
      {"EvaluateTooManyTimes",
       evaluate_with("bpd", {"--times", "respaced:21"}),
       2,
       {"[1, 20]", "respaced:21"}},
      {"EvaluateSampledRates",
       evaluate_with("rate-distortion", {"--times", "sampled:5"}),
       2,
       {"evaluate rate-distortion:", "all or respaced:N", "sampled:5"}},
      {"EvaluateMoreImagesThanThereAre",
       evaluate_with("bpd", {"--images", "25"}),
       2,
       {"[0, 24)", "0 .. 24"}},
      {"EvaluateAnImageBeyondThem",
       evaluate_with("bpd", {"--first-image", "24"}),
       2,
       {"--first-image", "[0, 24)", "24"}},
      {"EvaluateATestPartThatIsNone", evaluate_with("bpd", {"--split", "test"}), 2, {"data"}},
      {"EvaluateNoDraws", evaluate_with("bpd", {"--draws", "0"}), 2, {"--draws", "'0'"}},
      {"EvaluateUnknownCdf", evaluate_with("bpd", {"--cdf", "tan"}), 2, {"'tanh'"}},
      {"EvaluateIntoAnotherJob",
       evaluate_with("bpd", {"--out", "evaluated", "--seed", "2"}),
       2,
       {"bound.safetensors", "its seed is 0, wanted 2", "another --out"}},
      {"EvaluateOdeTooManySteps",
       evaluate_with("ode", {"--steps", "21"}),
       2,
       {"evaluate ode:", "--steps", "20", "21"}},
      {"EvaluateOdeUnknownProbe", evaluate_with("ode", {"--probe", "gausian"}), 2, {"'gaussian'"}},
      {"EvaluateOutIsAFile",
       evaluate_with("bpd", {"--out", "config.json"}),
       2,
       {"config.json", "is a file"}},
      {"EvaluateImagesOfSixteenBits",
       {"evaluate", "bpd", "--checkpoint", "run", "--data", "deep", "--images", "2", "--out",
        "new"},
       2,
       {"evaluate bpd:", "8 bits", "image 0 of deep"}},
      {"EvaluateImagesOfAnotherSize",
       {"evaluate", "bpd", "--checkpoint", "run", "--data", "odd", "--images", "2", "--out", "new"},
       2,
       {"8x8", "25x25", "--fit"}},
      {"ScheduleThatLosesAll",
       train_with({"--T", "100000", "--beta-T", "0.9"}),
       2,
       {"alpha_bar", "too large"}},
  };
  return inputs;
}

std::set<fs::path> everything_below(const fs::path& folder) {
  std::set<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) found.insert(entry.path());
  return found;
}

std::string npy_of_floats(const std::vector<int64_t>& shape) {
  NpyArray array{"<f4", shape, ""};
  array.bytes.assign(static_cast<size_t>(array.count()) * sizeof(float), '\0');
  return encode_npy(array);
}

std::string npy_of_integer(int64_t value) {
  return encode_npy({"<i8", {1}, {reinterpret_cast<const char*>(&value), sizeof(value)}});
}

class BadInputs : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "20"});
    const Outcome made = ddpm({"sample", "--checkpoint", "run", "--out", "done", "--count", "1",
                               "--seed", "1", "--sampler", "ddim", "--steps", "2"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const Outcome evaluated = ddpm(evaluate_with("bpd", {"--out", "evaluated"}));
    ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
    fs::create_directories(folder_ / "deep");
    for (const char* name : {"deep/0.png", "deep/1.png"}) {
      write_file_whole(folder_ / name, encode_png(blob_image(8, 8, 1, 16, 3)));
    }
    write_blobs(folder_ / "other", 5, 8, 8, 1);
    fs::create_directories(folder_ / "empty");
    write_file_whole(folder_ / "empty" / "notes.txt", "no image");
    write_blobs(folder_ / "broken", 2, 8, 8, 1);
    write_file_whole(folder_ / "broken" / "001.png", "not a picture");
    write_file_whole(folder_ / "config.json", R"({"data": "data", "bach_size": 3})");
    write_file_whole(folder_ / "broken.json", R"({"data": )");
    write_file_whole(folder_ / "x.npy", npy_of_floats({1, 1, 8, 8}));
    write_file_whole(folder_ / "small.npy", npy_of_floats({1, 1, 4, 4}));
    write_file_whole(folder_ / "t.npy", npy_of_integer(10));
    write_file_whole(folder_ / "late.npy", npy_of_integer(1000));
    write_blobs(folder_ / "mixed", 4, 8, 8, 1);
    write_file_whole(folder_ / "mixed" / "large.png", encode_png(blob_image(16, 16, 1, 8, 1)));
    write_blobs(folder_ / "odd", 4, 25, 25, 1);
    write_file_whole(folder_ / "old.pt", kPickle);
    write_model("pickled", "diffusion_pytorch_model.safetensors", kPickle);
    write_model("zipped", "diffusion_pytorch_model.bin", "PK\3\4 and so on");
    write_model("weightless", "notes.txt", "");
  }

  // A diffusers folder with this in the place of its weights.
  void write_model(const std::string& model, const std::string& name,
                   const std::string& bytes) const {
    const fs::path from = folder_ / "run" / "checkpoints" / "00000020";
    fs::create_directories(folder_ / model / "unet");
    for (const char* part : {"model_index.json", "unet/config.json", "scheduler"}) {
      fs::copy(from / part, folder_ / model / part, fs::copy_options::recursive);
    }
    write_file_whole(folder_ / model / "unet" / name, bytes);
  }
};

TEST_F(BadInputs, EachGetsItsOneLineItsExitCodeAndWritesNothing) {
  EXPECT_GE(bad_inputs().size(), 25U);
  const std::set<fs::path> before = everything_below(folder_);
  for (const BadInput& input : bad_inputs()) {
    SCOPED_TRACE(input.name);
    const Outcome outcome = ddpm(input.arguments);
    EXPECT_EQ(outcome.exit_code, input.exit_code) << outcome.err;
    const auto lines = lines_of(outcome.err);
    EXPECT_EQ(lines.size(), 1U) << outcome.err;
    const bool command = input.name != "UnknownCommand" && !input.arguments.empty();
    const std::string who = command ? input.arguments[0] : "ddpm";
    const bool of_two_words = outcome.err.rfind(who + " ", 0) == 0 && who == "evaluate";
    EXPECT_TRUE(of_two_words || outcome.err.rfind(who + ":", 0) == 0) << outcome.err;
    for (const std::string& word : input.said) {
      EXPECT_NE(outcome.err.find(word), std::string::npos) << word << " is not in: " << outcome.err;
    }
    std::set<fs::path> after = everything_below(folder_);
    after.erase(folder_ / ".stdout");
    after.erase(folder_ / ".stderr");
    std::set<fs::path> expected = before;
    expected.erase(folder_ / ".stdout");
    expected.erase(folder_ / ".stderr");
    EXPECT_EQ(after, expected);
  }
}

TEST_F(BadInputs, ASecondProcessOnTheSameRunIsRefused) {
  train_tiny("shared", {"--steps", "20"});
  const std::vector<std::string> long_run = {
      "train",   "--preset",  "tiny",         "--data", "data",           "--out", "busy",
      "--steps", "100000000", "--save-every", "20",     "--sample-every", "0"};
  // the first one runs until the second has been refused
  const fs::path refused = folder_ / "refused";
  std::thread second([this, &refused] {
    while (!fs::exists(folder_ / "busy" / "checkpoints" / "00000020")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    fs::create_directories(folder_ / "elsewhere");
    const Outcome outcome =
        run_ddpm(folder_ / "elsewhere", {"train", "--resume", (folder_ / "busy").string()});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_NE(outcome.err.find("process"), std::string::npos) << outcome.err;
    write_file_whole(refused, "");
  });
  const Outcome first = run_ddpm_until(folder_, long_run, refused, SIGINT);
  second.join();
  EXPECT_EQ(first.exit_code, 128 + SIGINT) << first.err;
}

}  // namespace
}  // namespace ddpm
