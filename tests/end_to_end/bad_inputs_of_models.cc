#include <algorithm>

#include "bad_inputs.h"

namespace ddpm {

namespace {

std::vector<std::string> sample_with(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"sample", "--checkpoint", "run", "--out", "new"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

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

const std::vector<BadInput>& bad_inputs_of_models() {
  static const std::vector<BadInput> inputs = {
      {"UnknownFlagOfSample", sample_with({"--cuont", "3"}), 2, {"--cuont", "'--count'"}},
      {"StrayWord", sample_with({"surplus"}), 2, {"sample:", "surplus"}},
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
      {"SampleUnknownRng", sample_with({"--rng", "diffuser"}), 2, {"--rng", "diffusers-per-image"}},
      {"SampleFirstIndexOfOneGenerator",
       sample_with({"--rng", "diffusers", "--first-index", "3"}),
       2,
       {"--first-index", "--rng diffusers"}},
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
      {"NpzIsAFolder", sample_with({"--npz", "empty"}), 2, {"--npz", "empty"}},
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
  };
  return inputs;
}

}  // namespace ddpm
