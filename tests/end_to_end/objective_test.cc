// What can be predicted and made small, from the command line: each trains, goes on and samples.

#include "ddpm/base/file.h"
#include "ddpm/config/presets.h"
#include "ddpm/formats/npy.h"
#include "program.h"

namespace ddpm {
namespace {

class Objectives : public EndToEnd {
 protected:
  // A small network for a preset that has a large one.
  Outcome train_small(const std::string& run, std::vector<std::string> what) const {
    what.insert(what.begin(), "train");
    for (const char* word : {"--data",
                             "data",
                             "--image-size",
                             "8x8",
                             "--base-channels",
                             "8",
                             "--channel-multipliers",
                             "1,2",
                             "--blocks-per-level",
                             "1",
                             "--attention-resolutions",
                             "4",
                             "--norm-groups",
                             "4",
                             "--T",
                             "20",
                             "--beta-T",
                             "0.5",
                             "--steps",
                             "6",
                             "--batch-size",
                             "4",
                             "--learning-rate",
                             "0.001",
                             "--warmup",
                             "1",
                             "--sample-every",
                             "3",
                             "--sample-count",
                             "1",
                             "--sample-steps",
                             "2",
                             "--log-every",
                             "1",
                             "--threads",
                             "1",
                             "--out"}) {
      what.emplace_back(word);
    }
    what.push_back(run);
    return ddpm(what);
  }
};

TEST_F(Objectives, EachRowOfTable2TrainsAndSamples) {
  for (const Preset& one : presets()) {
    if (one.name.rfind("table2-", 0) != 0) continue;
    SCOPED_TRACE(one.name);
    const Outcome trained = train_small(one.name, {"--preset", one.name});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    const Outcome sampled = ddpm({"sample", "--checkpoint", one.name, "--out", one.name + "-images",
                                  "--count", "1", "--sampler", "ddpm", "--threads", "1"});
    EXPECT_EQ(sampled.exit_code, 0) << sampled.err;
    const Outcome info = ddpm({"info", one.name});
    EXPECT_NE(info.out.find("variance          " + to_string(one.config.variance)),
              std::string::npos)
        << info.out;
    EXPECT_NE(info.out.find("loss              " + loss_text(one.config)), std::string::npos)
        << info.out;
  }
}

TEST_F(Objectives, EachWeightErrorAndWayToDrawTimesTrains) {
  const std::vector<std::vector<std::string>> ways = {
      {"--loss-weight", "variational", "--variance", "fixed_small"},
      {"--loss-weight", "snr", "--prediction", "x0"},
      {"--loss-weight", "truncated_snr", "--prediction", "v"},
      {"--loss-weight", "min_snr", "--min-snr-gamma", "2"},
      {"--loss-weight", "p2", "--p2-gamma", "0.5", "--p2-k", "2"},
      {"--error", "absolute"},
      {"--error", "huber", "--huber-delta", "0.1"},
      {"--loss", "hybrid", "--variance", "learned_range", "--timestep-sampling", "importance"},
      {"--loss", "bound", "--timestep-sampling", "uniform"}};
  for (size_t i = 0; i < ways.size(); ++i) {
    const Outcome trained = train_small("run" + std::to_string(i), ways[i]);
    EXPECT_EQ(trained.exit_code, 0) << trained.err;
  }
}

TEST_F(Objectives, WhatDoesNotGoTogetherIsOneLineAndNothingIsWritten) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--variance", "learned"}, "the loss simple does not train one that is learned"},
      {{"--loss", "hybrid"}, "hybrid trains a learned variance, got the variance fixed_large"},
      {{"--loss", "bound", "--loss-weight", "snr"}, "got loss_weight snr and error squared"},
      {{"--loss", "bound", "--error", "huber"}, "got loss_weight none and error huber"},
      {{"--loss", "hybrid", "--variance", "learned", "--loss-weight", "variational"},
       "variational wants a fixed variance"},
      {{"--loss", "vlb"}, "one of simple, bound, hybrid"},
      {{"--loss", "bound", "--schedule", "linear", "--beta-1", "0"},
       "the bound is infinite at t = 2"},
      {{"--min-snr-gamma", "0"}, "a number in [1e-20, 1e15]"}};
  for (const auto& [flags, said] : wrong) {
    const Outcome outcome = train_small("run", flags);
    EXPECT_EQ(outcome.exit_code, 2) << said;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_NE(outcome.err.find(said), std::string::npos) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "run")) << said;
  }
}

// The second half of the output is there for whoever asks for the network's bare answer.
TEST_F(Objectives, PredictGivesBothHalvesOfALearnedVariance) {
  ASSERT_EQ(train_small("run", {"--loss", "bound", "--variance", "learned"}).exit_code, 0);
  const std::vector<float> x(2 * 64, 0.5F);
  const std::vector<int64_t> t = {0, 19};
  const auto bytes_of = [](const auto& values) {
    return std::string(as_text(std::as_bytes(std::span(values))));
  };
  real_files().write(folder_ / "x.npy", as_bytes(encode_npy({"<f4", {2, 1, 8, 8}, bytes_of(x)})));
  real_files().write(folder_ / "t.npy", as_bytes(encode_npy({"<i8", {2}, bytes_of(t)})));
  const Outcome outcome = ddpm({"predict", "--checkpoint", "run", "--input", "x.npy", "--timesteps",
                                "t.npy", "--output", "y.npy", "--threads", "1"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const NpyArray y = decode_npy(read_file(folder_ / "y.npy", 1 << 20), "y.npy");
  EXPECT_EQ(y.shape, (std::vector<int64_t>{2, 2, 8, 8}));
}

}  // namespace
}  // namespace ddpm
