// Image k of seed s is the same image whatever else is asked for.

#include <algorithm>
#include <cstdlib>

#include "ddpm/base/file.h"
#include "ddpm/formats/npy.h"
#include "ddpm/formats/png.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Sample : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "40"});
  }

  // Samples into `out` with 12 steps of ddpm and what `more` says.
  Outcome sample(const std::string& out, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"sample", "--checkpoint", "run", "--out", out, "--seed",
                                          "7",      "--steps",      "12"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = ddpm(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome;
  }

  std::string bytes(const std::string& folder, int64_t index) const {
    const std::string digits = std::to_string(1000000 + index).substr(1);
    return read_file(folder_ / folder / (digits + ".png"), 1 << 24);
  }

  Image image(const std::string& folder, int64_t index) const {
    return decode_png(as_bytes(bytes(folder, index)), folder);
  }

  int largest_difference(const std::string& a, const std::string& b, int64_t index) const {
    const Image one = image(a, index);
    const Image other = image(b, index);
    EXPECT_EQ(one.samples.size(), other.samples.size());
    int largest = 0;
    for (size_t i = 0; i < one.samples.size(); ++i) {
      largest = std::max(largest, std::abs(one.samples[i] - other.samples[i]));
    }
    return largest;
  }
};

TEST_F(Sample, NothingIsWrittenAmongTheDataOfTheRun) {
  for (const char* out : {"data", "data/samples"}) {
    const Outcome outcome = ddpm({"sample", "--checkpoint", "run", "--count", "1", "--out", out});
    EXPECT_EQ(outcome.exit_code, 2) << out;
    EXPECT_NE(outcome.err.find("the data of run"), std::string::npos) << outcome.err;
  }
  EXPECT_FALSE(fs::exists(folder_ / "data" / "000000.png"));
}

TEST_F(Sample, BatchAndThreadsChangeNoBitOfAnImageOfTheEngine) {
  for (const char* precision : {"fp32", "bf16"}) {
    const std::string reference = std::string("reference_") + precision;
    sample(reference, {"--count", "8", "--batch-size", "8", "--threads", "2", "--executor",
                       "engine", "--precision", precision});
    for (const char* batch : {"1", "3", "8"}) {
      for (const char* threads : {"1", "2", "3"}) {
        const std::string out = std::string(precision) + "b" + batch + "t" + threads;
        sample(out, {"--count", "8", "--batch-size", batch, "--threads", threads, "--precision",
                     precision});
        for (int64_t k = 0; k < 8; ++k) {
          EXPECT_EQ(bytes(reference, k), bytes(out, k)) << out << ", image " << k;
        }
      }
    }
  }
}

TEST_F(Sample, BatchAndThreadsChangeNoImageOfLibTorchByMoreThanOneGrayLevel) {
  const std::vector<std::string> job = {"--count", "8", "--executor", "libtorch"};
  const auto with = [&job](const char* batch, const char* threads) {
    std::vector<std::string> words = job;
    words.insert(words.end(), {"--batch-size", batch, "--threads", threads});
    return words;
  };
  sample("reference", with("8", "2"));
  sample("one", with("1", "1"));
  sample("three", with("3", "2"));
  for (int64_t k = 0; k < 8; ++k) {
    EXPECT_LE(largest_difference("reference", "one", k), 1) << k;
    EXPECT_LE(largest_difference("reference", "three", k), 1) << k;
  }
}

TEST_F(Sample, TheEngineAndLibTorchMakeTheSameImagesWithinOneGrayLevel) {
  sample("engine", {"--count", "4", "--executor", "engine"});
  sample("libtorch", {"--count", "4", "--executor", "libtorch"});
  sample("auto", {"--count", "4", "--device", "cpu"});
  for (int64_t k = 0; k < 4; ++k) {
    EXPECT_LE(largest_difference("engine", "libtorch", k), 1) << k;
    EXPECT_EQ(bytes("engine", k), bytes("auto", k)) << k;
  }
  const auto executor_of = [this](const std::string& folder) {
    return read_png_text(as_bytes(bytes(folder, 0)), folder).at("executor");
  };
  EXPECT_EQ(executor_of("engine"), "engine");
  EXPECT_EQ(executor_of("libtorch"), "libtorch");
}

TEST_F(Sample, NothingOfLibTorchIsNeededForIt) {
  // a copy of the program without its neighbour
  fs::copy_file(fs::path(DDPM_BUILD_DIR) / "ddpm", folder_ / "alone");
  const std::string job = "./alone sample --checkpoint run --count 1 --steps 3 ";
  const Outcome engine = run_shell(folder_, job + "--out engine");
  EXPECT_EQ(engine.exit_code, 0) << engine.err;
  const Outcome torch = run_shell(folder_, job + "--out torch --executor libtorch");
  EXPECT_EQ(torch.exit_code, 1);
  EXPECT_NE(torch.err.find("needs the program ddpm-torch"), std::string::npos) << torch.err;
  const Outcome draws = run_shell(folder_, job + "--out draws --rng diffusers");
  EXPECT_NE(draws.err.find("needs the program ddpm-torch"), std::string::npos) << draws.err;
  EXPECT_FALSE(fs::exists(folder_ / "draws"));
}

TEST_F(Sample, EachPathOfTheCpuMakesTheSameImagesWithinOneGrayLevel) {
  sample("fastest", {"--count", "2"});
  const Outcome portable =
      run_shell(folder_, "DDPM_CPU=portable " DDPM_BUILD_DIR
                         "/ddpm"
                         " sample --checkpoint run --out portable --seed 7 --steps 12 --count 2");
  ASSERT_EQ(portable.exit_code, 0) << portable.err;
  for (int64_t k = 0; k < 2; ++k) EXPECT_LE(largest_difference("fastest", "portable", k), 1) << k;
}

TEST_F(Sample, AJobFromIndexFourGivesFilesFourToSevenOfTheLongerJob) {
  sample("long", {"--count", "8", "--batch-size", "4"});
  sample("part", {"--count", "4", "--first-index", "4", "--batch-size", "4"});
  EXPECT_FALSE(fs::exists(folder_ / "part" / "000003.png"));
  for (int64_t k = 4; k < 8; ++k) EXPECT_EQ(bytes("part", k), bytes("long", k)) << k;
}

// On a network that was hardly trained clipping acts all the time.
TEST_F(Sample, OneGeneratorOfDiffusersDrawsTheSameWhateverTheBatchSize) {
  const std::vector<std::string> job = {"--rng", "diffusers", "--count", "3"};
  const auto with_batch = [&job](const char* size) {
    std::vector<std::string> words = job;
    words.insert(words.end(), {"--batch-size", size});
    return words;
  };
  sample("whole", with_batch("3"));
  sample("one", with_batch("1"));
  for (int64_t k = 0; k < 3; ++k) EXPECT_LE(largest_difference("whole", "one", k), 1) << k;
  // one that is torn is made again, and with it all of them: they share a generator
  const std::string before = bytes("whole", 1);
  write_file_whole(folder_ / "whole" / "000001.png", before.substr(0, before.size() / 2));
  const Outcome again = sample("whole", with_batch("3"));
  EXPECT_NE(again.out.find("3 of 3 images to make"), std::string::npos) << again.out;
  EXPECT_EQ(bytes("whole", 1), before);
}

TEST_F(Sample, AGeneratorAnImageGivesEachTheImageOfItsOwnSeed) {
  sample("all", {"--rng", "diffusers-per-image", "--count", "3"});
  sample("last", {"--rng", "diffusers-per-image", "--count", "1", "--first-index", "2"});
  EXPECT_LE(largest_difference("all", "last", 2), 1);
  // the only image of one generator is that of a list of one
  const Outcome outcome = ddpm({"sample", "--checkpoint", "run", "--out", "single", "--seed", "9",
                                "--steps", "12", "--count", "1", "--rng", "diffusers"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Image single = image("single", 0);
  EXPECT_EQ(single.samples, image("last", 2).samples);  // 7 + 2
}

TEST_F(Sample, TheEpsOfAClippedImageIsRederivedUnlessTheRawOneIsAskedFor) {
  sample("rederived", {"--sampler", "ddim", "--count", "2"});
  sample("raw", {"--sampler", "ddim", "--count", "2", "--raw-eps"});
  EXPECT_NE(image("rederived", 0).samples, image("raw", 0).samples);
  sample("mean", {"--count", "2"});  // a ddpm step uses no eps beside the clipped x_0
  sample("raw_mean", {"--count", "2", "--raw-eps"});
  EXPECT_EQ(image("mean", 0).samples, image("raw_mean", 0).samples);
}

TEST_F(Sample, ImagesDifferFromEachOtherAndFromSeedToSeed) {
  sample("a", {"--count", "2"});
  EXPECT_NE(image("a", 0).samples, image("a", 1).samples);
  const Outcome other = ddpm({"sample", "--checkpoint", "run", "--out", "b", "--count", "1",
                              "--seed", "8", "--steps", "12"});
  ASSERT_EQ(other.exit_code, 0) << other.err;
  EXPECT_NE(image("a", 0).samples, image("b", 0).samples);
}

TEST_F(Sample, WhatIsCompleteIsNotMadeAgainAndWhatIsTornIs) {
  sample("out", {"--count", "4", "--batch-size", "1"});
  const std::string second = bytes("out", 1);
  const std::string third = bytes("out", 2);
  const auto kept = fs::last_write_time(folder_ / "out" / "000001.png");
  write_file_whole(folder_ / "out" / "000002.png", third.substr(0, third.size() / 2));
  fs::remove(folder_ / "out" / "000003.png");
  const Outcome again = sample("out", {"--count", "4", "--batch-size", "1"});
  EXPECT_NE(again.out.find("2 of 4 images to make"), std::string::npos) << again.out;
  EXPECT_EQ(fs::last_write_time(folder_ / "out" / "000001.png"), kept);
  EXPECT_EQ(bytes("out", 1), second);
  EXPECT_EQ(bytes("out", 2), third);
}

TEST_F(Sample, EachFileSaysHowItWasMade) {
  sample("out", {"--count", "1", "--first-index", "3", "--sampler", "ddim", "--eta", "0.5",
                 "--weights", "raw"});
  const PngText text = read_png_text(as_bytes(bytes("out", 3)), "out");
  EXPECT_EQ(text.at("seed"), "7");
  EXPECT_EQ(text.at("index"), "3");
  EXPECT_EQ(text.at("sampler"), "ddim");
  EXPECT_EQ(text.at("steps"), "12");
  EXPECT_EQ(text.at("eta"), "0.5");
  EXPECT_EQ(text.at("weights"), "raw");
  EXPECT_EQ(text.at("checkpoint").size(), 16U);
}

TEST_F(Sample, TimesCanBeNamedInThreeWays) {
  const auto text_of = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "sample", "--checkpoint", "run", "--out", "named", "--count", "1", "--sampler", "ddim"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = ddpm(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const PngText text = read_png_text(as_bytes(bytes("named", 0)), "named");
    fs::remove_all(folder_ / "named");
    return text.at("steps") + " " + text.at("spacing");
  };
  // T is 20
  EXPECT_EQ(text_of({"--spacing", "karras", "--steps", "7"}), "7 karras");
  EXPECT_EQ(text_of({"--respacing", "3,2"}), "5 respacing 3,2");
  EXPECT_EQ(text_of({"--respacing", "ddim10"}), "10 respacing ddim10");
  EXPECT_EQ(text_of({"--times", "20,11,4"}), "3 times 20,11,4");
}

TEST_F(Sample, TheNpzHoldsThePixelsOfTheFiles) {
  sample("out", {"--count", "3", "--npz", "images.npz"});
  const std::string npz = read_file(folder_ / "images.npz", 1 << 24);
  // a stored zip: the array is in it byte for byte
  std::string pixels;
  for (int64_t k = 0; k < 3; ++k) {
    for (const uint16_t sample : image("out", k).samples) pixels += static_cast<char>(sample);
  }
  EXPECT_NE(npz.find(pixels), std::string::npos);
  EXPECT_NE(npz.find("arr_0.npy"), std::string::npos);
  EXPECT_NE(npz.find("(3, 8, 8, 1)"), std::string::npos);
}

TEST_F(Sample, TheFirstLineIsTheFolderAndTheLastTheNextCommand) {
  const Outcome outcome = sample("out", {"--count", "2"});
  EXPECT_EQ(lines_of(outcome.out).front(), (folder_ / "out").string());
  EXPECT_NE(lines_of(outcome.out).back().find("--first-index 2 --count 2"), std::string::npos);
}

TEST_F(Sample, RawAndAveragedWeightsGiveOtherImages) {
  sample("ema", {"--count", "1"});
  sample("raw", {"--count", "1", "--weights", "raw"});
  EXPECT_NE(image("ema", 0).samples, image("raw", 0).samples);
}

TEST_F(Sample, DenoiseAndForwardMakePictures) {
  const Outcome denoise = ddpm(
      {"denoise", "--checkpoint", "run", "--out", "denoise.png", "--images", "2", "--steps", "7"});
  EXPECT_EQ(denoise.exit_code, 0) << denoise.err;
  const Outcome from_data = ddpm({"denoise", "--checkpoint", "run", "--out", "again.png", "--data",
                                  "data", "--from", "15", "--images", "2"});
  EXPECT_EQ(from_data.exit_code, 0) << from_data.err;
  const Outcome stepwise =
      ddpm({"forward", "--data", "data", "--out", "steps.png", "--stepwise", "--images", "2"});
  EXPECT_EQ(stepwise.exit_code, 0) << stepwise.err;
  const Outcome closed =
      ddpm({"forward", "--data", "data", "--out", "closed.png", "--images", "2"});
  EXPECT_EQ(closed.exit_code, 0) << closed.err;
  for (const char* name : {"denoise.png", "again.png", "steps.png", "closed.png"}) {
    const std::string file = read_file(folder_ / name, 1 << 26);
    EXPECT_GT(decode_png(as_bytes(file), name).width, 100) << name;
  }
}

TEST_F(Sample, PredictGivesTheNetworksOutputForGivenArrays) {
  NpyArray x{"<f4", {2, 1, 8, 8}, std::string(2 * 64 * sizeof(float), '\0')};
  const int64_t times[2] = {0, 19};  // the first and the last of T = 20
  write_file_whole(folder_ / "x.npy", encode_npy(x));
  write_file_whole(folder_ / "t.npy",
                   encode_npy({"<i8", {2}, {reinterpret_cast<const char*>(times), 16}}));
  const Outcome outcome = ddpm({"predict", "--checkpoint", "run", "--input", "x.npy", "--timesteps",
                                "t.npy", "--output", "y.npy"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const NpyArray y = decode_npy(read_file(folder_ / "y.npy", 1 << 20), "y");
  EXPECT_EQ(y.shape, x.shape);
  const std::vector<float> values = npy_floats(y, "y");
  // the same image at two times: another answer each
  EXPECT_NE(std::vector<float>(values.begin(), values.begin() + 64),
            std::vector<float>(values.begin() + 64, values.end()));
}

// The same image alone and beside others, whatever the sampler remembers of a chain.
TEST_F(Sample, EverySamplerMakesTheSameImageInAnyBatch) {
  for (const std::string name : {"ddpm", "ddim", "dpmpp_1s", "dpmpp_2s", "dpmpp_2m", "dpmpp_2m_sde",
                                 "pndm", "plms", "euler", "heun"}) {
    SCOPED_TRACE(name);
    sample("together", {"--count", "3", "--sampler", name});
    sample("alone", {"--count", "1", "--first-index", "2", "--sampler", name});
    const Image a = image("together", 2);
    const Image b = image("alone", 2);
    ASSERT_EQ(a.samples.size(), b.samples.size());
    for (size_t i = 0; i < a.samples.size(); ++i) ASSERT_NEAR(a.samples[i], b.samples[i], 1);
    fs::remove_all(folder_ / "together");
    fs::remove_all(folder_ / "alone");
  }
}

}  // namespace
}  // namespace ddpm
