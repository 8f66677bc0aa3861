// Training that begins with the weights of another run.

#include "ddpm/base/file.h"
#include "ddpm/formats/npy.h"
#include "program.h"

namespace ddpm {
namespace {

class WarmStarts : public EndToEnd {
 protected:
  // One step whose learning rate, at the start of a warm-up, is 0.
  Outcome begin(const std::string& run, const std::vector<std::string>& more) const {
    std::vector<std::string> words = {
        "train", "--data",   "data", "--out",          run, "--steps",   "1", "--batch-size",
        "4",     "--warmup", "1",    "--sample-every", "0", "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  // What the network of a run says of some noise.
  std::string answer(const std::string& run, const std::string& weights) const {
    const std::vector<float> x = {0.5F, -1.0F, 0.25F, 2.0F};
    std::vector<float> values;
    for (size_t i = 0; i < 64; ++i) values.push_back(x[i % 4] * static_cast<float>(i % 7));
    const auto bytes = std::as_bytes(std::span<const float>(values));
    const std::vector<int64_t> times = {7};
    write_file_whole(folder_ / "x.npy",
                     encode_npy({"<f4", {1, 1, 8, 8}, std::string(as_text(bytes))}));
    write_file_whole(
        folder_ / "t.npy",
        encode_npy({"<i8", {1}, std::string(as_text(std::as_bytes(std::span(times))))}));
    const Outcome outcome =
        ddpm({"predict", "--checkpoint", run, "--weights", weights, "--input", "x.npy",
              "--timesteps", "t.npy", "--output", run + weights + ".npy", "--threads", "1"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read_file(folder_ / (run + weights + ".npy"), 1 << 20);
  }
};

TEST_F(WarmStarts, TakeTheAveragedWeightsTheNetworkAndTheProcess) {
  train_tiny("first", {"--schedule", "cosine", "--prediction", "v"});
  const Outcome second = begin("second", {"--init-from", "first"});
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_NE(second.out.find("first: taken "), std::string::npos) << second.out;
  EXPECT_EQ(second.out.find("begun afresh"), std::string::npos) << second.out;
  EXPECT_EQ(answer("second", "raw"), answer("first", "ema"));
  EXPECT_EQ(answer("second", "ema"), answer("first", "ema"));
  const Outcome info = ddpm({"info", "second"});
  EXPECT_NE(info.out.find("cosine"), std::string::npos) << info.out;
  EXPECT_NE(info.out.find("prediction        v"), std::string::npos) << info.out;
}

TEST_F(WarmStarts, ListWhatDoesNotFitAndGoOnAfterAnInterruption) {
  train_tiny("first");
  const Outcome second = begin("second", {"--init-from", "first", "--variance", "learned_range",
                                          "--loss", "hybrid", "--keep-last", "0"});
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_NE(second.out.find("begun afresh for their shape 2 tensors: conv_out.weight of [2, "),
            std::string::npos)
      << second.out;
  const Outcome resumed = ddpm({"train", "--resume", "second", "--steps", "3"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_NE(resumed.out.find("resumed at step 1 of 3"), std::string::npos) << resumed.out;
  EXPECT_EQ(resumed.out.find("taken "), std::string::npos) << resumed.out;
}

TEST_F(WarmStarts, LeaveNoRunWhereNothingFits) {
  train_tiny("first");
  const Outcome second =
      begin("second", {"--init-from", "first", "--base-channels", "64", "--channels", "3"});
  EXPECT_EQ(second.exit_code, 2);
  EXPECT_NE(second.err.find("first: none of its "), std::string::npos) << second.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "second" / "config.json"));
}

TEST_F(EndToEnd, ANetworkOfAnotherKindIsGivenByItsConfigJson) {
  write_file_whole(folder_ / "network.json", R"({"_class_name": "UNet2DModel", "sample_size": 8,
    "in_channels": 1, "out_channels": 1, "block_out_channels": [8, 12], "norm_num_groups": 4,
    "layers_per_block": 1, "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["UpBlock2D", "UpBlock2D"], "attention_head_dim": 4})");
  const Outcome trained =
      ddpm({"train", "--network", "network.json", "--data", "data", "--out", "run", "--steps", "2",
            "--batch-size", "2", "--sample-every", "0", "--threads", "1"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const Outcome info = ddpm({"info", "run"});
  EXPECT_NE(info.out.find("8, 12 channels"), std::string::npos) << info.out;
  EXPECT_NE(info.out.find("heads of 4 channels"), std::string::npos) << info.out;
  EXPECT_NE(info.out.find("cosines first"), std::string::npos) << info.out;
}

}  // namespace
}  // namespace ddpm
