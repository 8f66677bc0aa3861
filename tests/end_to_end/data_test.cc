// Folders as people have them: other channels, sizes and depths, and files that are broken.

#include "ddpm/base/file.h"
#include "ddpm/formats/png.h"
#include "ddpm/testing/toy_files.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Data : public EndToEnd {
 protected:
  // Trains a few steps on `data` and makes two images; returns what training said.
  std::string train_and_sample(const std::string& data, int64_t height, int64_t width,
                               int64_t channels, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"train",       "--preset",
                                          "tiny",        "--image-size",
                                          "auto",        "--steps",
                                          "3",           "--batch-size",
                                          "4",           "--data",
                                          data,          "--out",
                                          data + "-run", "--attention-resolutions",
                                          "none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome trained = ddpm(arguments);
    EXPECT_EQ(trained.exit_code, 0) << trained.err;
    const Outcome sampled = ddpm({"sample", "--checkpoint", data + "-run", "--out", data + "-out",
                                  "--count", "2", "--sampler", "ddim", "--steps", "2"});
    EXPECT_EQ(sampled.exit_code, 0) << sampled.err;
    if (sampled.exit_code != 0) return trained.out;
    const Image image = decode_png(
        as_bytes(read_file(folder_ / (data + "-out") / "000001.png", 1 << 24)), "sample");
    EXPECT_EQ(image.height, height);
    EXPECT_EQ(image.width, width);
    EXPECT_EQ(image.channels, channels);
    return trained.out;
  }
};

TEST_F(Data, GrayColourAndTransparentFoldersTrainWithDefaults) {
  write_blobs(folder_ / "gray", 6, 28, 28, 1);
  write_blobs(folder_ / "colour", 6, 32, 48, 3);
  write_blobs(folder_ / "clear", 6, 16, 16, 4);
  train_and_sample("gray", 28, 28, 1);
  train_and_sample("colour", 32, 48, 3);
  train_and_sample("clear", 16, 16, 4);
}

TEST_F(Data, AFolderOfAnyUsualSizeNeedsNoWordAboutTheNetwork) {
  write_blobs(folder_ / "digits", 4, 28, 28, 1);
  write_blobs(folder_ / "wide", 4, 32, 48, 3);
  write_blobs(folder_ / "clear", 4, 20, 12, 4);
  for (const std::string name : {"digits", "wide", "clear"}) {
    const Outcome trained =
        ddpm({"train", "--data", name, "--out", name + "-run", "--base-channels", "32", "--steps",
              "2", "--batch-size", "2", "--sample-count", "2", "--sample-steps", "2"});
    EXPECT_EQ(trained.exit_code, 0) << trained.err;
    // the run's own configuration says what was chosen
    const std::string config = read_file(folder_ / (name + "-run") / "config.json", 1 << 20);
    EXPECT_EQ(config.find("channel_multipliers\": \"auto"), std::string::npos) << config;
    EXPECT_EQ(config.find("attention_resolutions\": \"auto"), std::string::npos) << config;
  }
}

TEST_F(Data, MixedSizesAreFittedToTheCommonestAndCounted) {
  write_blobs(folder_ / "mixed", 6, 16, 16, 3);
  write_file_whole(folder_ / "mixed" / "large.png", encode_png(blob_image(40, 64, 3, 8, 1)));
  for (const char* fit : {"crop", "pad", "stretch"}) {
    fs::remove_all(folder_ / "mixed-run");
    fs::remove_all(folder_ / "mixed-out");
    const std::string said = train_and_sample("mixed", 16, 16, 3, {"--fit", fit});
    EXPECT_NE(said.find("40x64"), std::string::npos) << said;
  }
}

TEST_F(Data, SixteenBitsAndOtherEndingsAreReadAndBrokenFilesAreNamed) {
  write_blobs(folder_ / "odd", 20, 8, 8, 1);
  write_file_whole(folder_ / "odd" / "deep.PNG", encode_png(blob_image(8, 8, 1, 16, 3)));
  const std::string whole = encode_png(blob_image(8, 8, 1, 8, 4));
  write_file_whole(folder_ / "odd" / "torn.png", whole.substr(0, whole.size() / 2));
  write_file_whole(folder_ / "odd" / "zero.png", "");
  const std::string said = train_and_sample("odd", 8, 8, 1, {"--max-bad-files", "0.1"});
  EXPECT_NE(said.find("torn.png"), std::string::npos) << said;
  EXPECT_NE(said.find("zero.png"), std::string::npos) << said;
}

TEST_F(Data, AnArchiveOfJpegFilesIsReadInPlaceAndItsBrokenOnesAreNamed) {
  ToyEntries entries;
  for (uint64_t i = 0; i < 30; ++i) {
    const std::string digits = std::to_string(100 + i).substr(1);
    entries.emplace_back("set/" + digits + ".JPG", toy_jpeg(blob_image(32, 32, 3, 8, i)));
  }
  entries[3].second.resize(entries[3].second.size() / 2);
  entries[5].second.clear();
  entries.emplace_back("set/deep.png", encode_png(blob_image(32, 32, 3, 16, 77)));
  entries.emplace_back("set/readme.txt", "not an image");
  write_toy_archive(folder_ / "set.tar.gz", ToyArchive::kTarGz, entries);
  const std::string said = train_and_sample("set.tar.gz", 32, 32, 3, {"--max-bad-files", "0.1"});
  EXPECT_NE(said.find("found 31, used 29, unreadable 2"), std::string::npos) << said;
  EXPECT_NE(said.find("set/03.JPG"), std::string::npos) << said;
  EXPECT_NE(said.find("set/05.JPG"), std::string::npos) << said;
}

}  // namespace
}  // namespace ddpm
