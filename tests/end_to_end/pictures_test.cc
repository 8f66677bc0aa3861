// The commands that show what a model does to images: what stands in their pictures is what the
// other commands make of the same seed.

#include <signal.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "ddpm/base/file.h"
#include "ddpm/base/folder_lock.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/png.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// A tiny model (T = 20), trained once for all of these tests, and pictures of it, each cell also a
// file of its own.
class Pictures : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "40", "--threads", "1"});
  }

  // Makes NAME.png, and its cells in the folder NAME.
  Outcome make(const std::string& command, const std::string& name,
               const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {command,       "--checkpoint", "run", "--out",
                                          name + ".png", "--single",     name,  "--seed",
                                          "7",           "--threads",    "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = ddpm(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(lines_of(outcome.out).front(), (folder_ / (name + ".png")).string());
    return outcome;
  }

  std::string bytes(const std::string& path) const { return read_file(folder_ / path, 1 << 24); }

  std::vector<uint16_t> pixels(const std::string& path) const {
    return decode_png(as_bytes(bytes(path)), path).samples;
  }

  std::vector<uint16_t> cell(const std::string& name, int row, int column) const {
    char file[32];
    std::snprintf(file, sizeof(file), "/%02d-%02d.png", row, column);
    return pixels(name + file);
  }

  std::vector<uint16_t> datum(int64_t index) const {
    return pixels("data/" + std::to_string(1000 + index).substr(1) + ".png");
  }

  static int largest_difference(const std::vector<uint16_t>& a, const std::vector<uint16_t>& b) {
    EXPECT_EQ(a.size(), b.size());
    int largest = 0;
    for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
  }
};

// Columns of the one: source, lambda = 0, 0.5, 1, source; of the other: original, x_t, back.
TEST_F(Pictures, TheEndsOfAnInterpolationAreTheReconstructionsBitForBit) {
  for (const std::string encode : {"q", "ddim"}) {
    for (const std::string mix : {"linear", "spherical"}) {
      make("interpolate", "between",
           {"--data", "data", "--images", "3,5", "--at", "8,20", "--points", "3", "--encode",
            encode, "--mix", mix, "--batch-size", "1", "--steps", "10"});
      make("reconstruct", "back",
           {"--data", "data", "--images", "3,5", "--at", "8,20", "--encode", encode, "--batch-size",
            "1", "--steps", "10"});
      for (const int row : {0, 1}) {
        const int back = 2 + 2 * row;
        EXPECT_EQ(cell("between", row, 0), datum(3));
        EXPECT_EQ(cell("between", row, 1), cell("back", 0, back)) << encode << mix;
        EXPECT_EQ(cell("between", row, 3), cell("back", 1, back)) << encode << mix;
        EXPECT_EQ(cell("between", row, 4), datum(5));
        EXPECT_NE(cell("between", row, 2), cell("between", row, 1));
      }
    }
  }
}

// A sampler that adds noise: a row has that of its first image.
TEST_F(Pictures, TheFirstEndOfAnInterpolationIsItsReconstructionByAnySampler) {
  for (const std::string sampler : {"ddpm", "dpmpp_2m_sde", "heun"}) {
    make("interpolate", "between",
         {"--data", "data", "--images", "2,9", "--at", "15", "--points", "2", "--noise", "shared",
          "--sampler", sampler, "--batch-size", "1"});
    make("reconstruct", "back",
         {"--data", "data", "--images", "2", "--at", "15", "--sampler", sampler, "--batch-size",
          "1"});
    EXPECT_EQ(cell("between", 0, 1), cell("back", 0, 2)) << sampler;
  }
}

// Of one noise there is nothing to mix: both ways are the same, but for a rounding of its angle.
TEST_F(Pictures, OfSharedNoiseBothMixesAreTheSame) {
  for (const std::string noise : {"shared", "independent"}) {
    for (const std::string mix : {"linear", "spherical"}) {
      make("interpolate", mix,
           {"--data", "data", "--at", "12", "--points", "3", "--noise", noise, "--mix", mix});
    }
    const int difference = largest_difference(cell("linear", 0, 2), cell("spherical", 0, 2));
    EXPECT_EQ(difference <= 1, noise == "shared") << difference;
  }
}

TEST_F(Pictures, AtTimeZeroAnInterpolationIsTheMixOfThePixels) {
  const Outcome outcome = make("interpolate", "between",
                               {"--from", "data/004.png", "--to", "data/006.png", "--at", "0",
                                "--points", "5", "--mix", "spherical"});
  EXPECT_NE(outcome.out.find("5 points at 1 time,"), std::string::npos) << outcome.out;
  const std::vector<uint16_t> a = datum(4);
  const std::vector<uint16_t> b = datum(6);
  for (int p = 0; p < 5; ++p) {
    const std::vector<uint16_t> x = cell("between", 0, 1 + p);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(x[i], (4 - p) / 4.0 * a[i] + p / 4.0 * b[i], 0.501);  // rounded to a level
    }
  }
}

TEST_F(Pictures, TheLastColumnOfAProgressivePictureIsTheSample) {
  for (const std::string sampler : {"ddim", "ddpm", "dpmpp_2m"}) {
    make("progressive", "way",
         {"--count", "3", "--columns", "4", "--sampler", sampler, "--steps", "10", "--batch-size",
          "1"});
    const Outcome sampled =
        ddpm({"sample", "--checkpoint", "run", "--out", "s-" + sampler, "--seed", "7", "--threads",
              "1", "--count", "3", "--sampler", sampler, "--steps", "10", "--batch-size", "1"});
    EXPECT_EQ(sampled.exit_code, 0) << sampled.err;
    for (int k = 0; k < 3; ++k) {
      EXPECT_EQ(cell("way", k, 3), pixels("s-" + sampler + "/00000" + std::to_string(k) + ".png"));
      EXPECT_NE(cell("way", k, 0), cell("way", k, 3));
    }
  }
}

TEST_F(Pictures, ColumnsForEverySoManyTimesAreThoseTimes) {
  make("progressive", "way", {"--count", "1", "--every", "6", "--steps", "20"});
  std::string labels;
  for (const auto& file : {"00-00", "00-01", "00-02", "00-03", "00-04"}) {
    labels +=
        read_png_text(as_bytes(bytes(std::string("way/") + file + ".png")), file).at("column");
    labels += ";";
  }
  EXPECT_EQ(labels, "t = 20;t = 14;t = 8;t = 2;image;");
}

// Columns: x_t, the prediction, the members 4, 5 and 6 of the seed.
TEST_F(Pictures, AFamilyBeginsWithAnImageOfTheSeedAndPartsWhereItIsTold) {
  make("family", "kin",
       {"--count", "3", "--index", "4", "--shared-until", "20,9,2", "--steps", "20", "--batch-size",
        "1"});
  const Outcome sampled =
      ddpm({"sample", "--checkpoint", "run", "--out", "s", "--seed", "7", "--threads", "1",
            "--count", "1", "--first-index", "4", "--batch-size", "1"});
  EXPECT_EQ(sampled.exit_code, 0) << sampled.err;
  int before = 256;
  for (int row = 0; row < 3; ++row) {
    EXPECT_EQ(cell("kin", row, 2), pixels("s/000004.png"));
    EXPECT_NE(cell("kin", row, 3), cell("kin", row, 4));
    const int spread = largest_difference(cell("kin", row, 3), cell("kin", row, 4));
    EXPECT_LT(spread, before);  // the later they part the more they are alike
    before = spread;
  }
}

TEST_F(Pictures, NoBatchSizeChangesAFamilyByMoreThanOneGrayLevel) {
  const std::vector<std::string> job = {"--count", "4", "--shared-until", "12"};
  const auto with_batch = [&job](const std::string& size) {
    std::vector<std::string> arguments = job;
    arguments.insert(arguments.end(), {"--batch-size", size});
    return arguments;
  };
  make("family", "one", with_batch("1"));
  make("family", "three", with_batch("3"));
  for (int column = 0; column < 6; ++column) {
    EXPECT_LE(largest_difference(cell("one", 0, column), cell("three", 0, column)), 1) << column;
  }
}

TEST_F(Pictures, ReconstructionsAreMeasuredInGrayLevels) {
  const Outcome outcome =
      make("reconstruct", "back",
           {"--data", "data", "--images", "0,7", "--at", "5,15", "--csv", "new/back.csv"});
  EXPECT_NE(outcome.out.find("from t = 5: RMSE "), std::string::npos) << outcome.out;
  const auto rows = lines_of(bytes("new/back.csv"));
  ASSERT_EQ(rows.size(), 7U);
  EXPECT_EQ(rows[0], "t,image,rmse,psnr");
  double both = 0.0;
  for (const int image : {0, 1}) {
    const auto original = cell("back", image, 0);
    const auto back = cell("back", image, 4);
    double sum = 0.0;
    for (size_t i = 0; i < back.size(); ++i) {
      sum += std::pow(static_cast<double>(original[i]) - back[i], 2);
    }
    both += sum / 64.0 / 2.0;
    const auto row = split(rows[static_cast<size_t>(4 + image)], ',');
    EXPECT_EQ(row[0] + row[1], image == 0 ? "150" : "157");
    EXPECT_NEAR(std::atof(row[2].c_str()), std::sqrt(sum / 64.0), 1e-9);
    EXPECT_NEAR(std::atof(row[3].c_str()), 20.0 * std::log10(255.0 / std::sqrt(sum / 64.0)), 1e-9);
  }
  const auto all = split(rows[6], ',');
  EXPECT_EQ(all[0] + all[1], "15all");
  EXPECT_NEAR(std::atof(all[2].c_str()), std::sqrt(both), 1e-9);
}

// What was noised at random does not come back; what DDIM encoded does, but for its steps.
TEST_F(Pictures, DdimEncodingComesBackNearerThanTheClosedForm) {
  double rmse[2] = {0.0, 0.0};
  for (const int ddim : {0, 1}) {
    make("reconstruct", "back",
         {"--data", "data", "--at", "15", "--csv", "back.csv", "--encode", ddim == 1 ? "ddim" : "q",
          "--steps", "20"});
    rmse[ddim] = std::atof(split(lines_of(bytes("back.csv")).back(), ',')[2].c_str());
  }
  EXPECT_LT(rmse[1], 0.5 * rmse[0]);
}

// Columns: original, known, filled 0, filled 1. The right half is filled in.
TEST_F(Pictures, FillingsKeepTheKnownPixelsByteForByte) {
  make("inpaint", "filled",
       {"--data", "data", "--images", "1,8", "--fill", "right", "--count", "2", "--jump-length",
        "3", "--resamplings", "2"});
  for (const int row : {0, 1}) {
    const auto original = datum(row == 0 ? 1 : 8);
    for (const int column : {0, 1, 2, 3}) {
      const auto shown = cell("filled", row, column);
      for (size_t y = 0; y < 8; ++y) {
        for (size_t x = 0; x < 4; ++x) {
          EXPECT_EQ(shown[8 * y + x], original[8 * y + x]) << row << ' ' << column;
        }
      }
    }
    EXPECT_NE(cell("filled", row, 2), original);
    EXPECT_NE(cell("filled", row, 2), cell("filled", row, 3));
  }
}

TEST_F(Pictures, AMaskIsWhiteWhereTheImageIsKnown) {
  Image mask{8, 8, 1, 8, std::vector<uint16_t>(64, 255)};
  for (int64_t y = 0; y < 8; ++y) {
    for (int64_t x = 4; x < 8; ++x) mask.at(y, x, 0) = 0;
  }
  write_file_whole(folder_ / "mask.png", encode_png(mask));
  const std::vector<std::string> job = {"--data", "data/003.png",  "--count",
                                        "1",      "--resamplings", "2"};
  const auto filled = [&](const std::string& flag, const std::string& value) {
    std::vector<std::string> arguments = job;
    arguments.insert(arguments.end(), {flag, value});
    make("inpaint", "filled", arguments);
    return cell("filled", 0, 2);
  };
  const auto by_mask = filled("--mask", "mask.png");
  EXPECT_EQ(by_mask, filled("--fill", "right"));
  EXPECT_EQ(by_mask, filled("--fill", "4,0,4,8"));
  EXPECT_NE(by_mask, filled("--fill", "left"));
}

TEST_F(Pictures, OneThatIsStoppedReportsItAndLeavesATableOnStandardOutputAlone) {
  const Outcome stopped = run_until(
      folder_,
      ddpm_with({"reconstruct", "--checkpoint", "run", "--data", "data", "--images",
                 "0,1,2,3,4,5,6,7,8,9,10,11", "--at", "20,19,18,17,16,15,14,13,12,11,10,9,8,7,6,5",
                 "--out", "p.png", "--csv", "-", "--single", "cells", "--threads", "1"}),
      [&] { return fs::exists(folder_ / "cells" / ".ddpm-lock"); }, SIGTERM);
  EXPECT_EQ(stopped.exit_code, 128 + SIGTERM);
  EXPECT_EQ(stopped.out, "");
  EXPECT_EQ(lines_of(stopped.err).back(), "reconstruct: stopped");
  EXPECT_FALSE(fs::exists(folder_ / "p.png") || fs::exists(folder_ / "cells" / ".ddpm-lock"));
}

TEST_F(Pictures, OfTwoInOneFolderOfCellsTheSecondIsRefused) {
  fs::create_directories(folder_ / "cells");
  const FolderLock first(folder_ / "cells" / ".ddpm-lock");
  const Outcome second = ddpm({"progressive", "--checkpoint", "run", "--count", "1", "--out",
                               "p.png", "--single", "cells", "--threads", "1"});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_EQ(second.err.find("progressive: --single: "), 0U) << second.err;
  EXPECT_NE(second.err.find("is writing into this folder"), std::string::npos) << second.err;
  EXPECT_FALSE(fs::exists(folder_ / "p.png"));
}

TEST_F(Pictures, AFillingIsTheSameHoweverManyAreMade) {
  make("inpaint", "many",
       {"--data", "data", "--images", "0,6", "--fill", "top", "--count", "3", "--resamplings", "2",
        "--batch-size", "4"});
  make("inpaint", "few",
       {"--data", "data", "--images", "6", "--fill", "top", "--count", "2", "--resamplings", "2",
        "--batch-size", "1"});
  EXPECT_LE(largest_difference(cell("many", 1, 3), cell("few", 0, 3)), 1);
}

TEST_F(Pictures, EachSaysWhatItWasMadeOf) {
  make("inpaint", "filled", {"--data", "data", "--fill", "centre", "--count", "1"});
  const PngText text = read_png_text(as_bytes(bytes("filled.png")), "filled");
  EXPECT_EQ(text.at("command"), "inpaint");
  EXPECT_EQ(text.at("images"), "data 0");
  EXPECT_EQ(text.at("mask"), "centre");
  EXPECT_EQ(text.at("seed"), "7");
  EXPECT_EQ(text.at("steps"), "20");
  EXPECT_EQ(text.at("checkpoint").size(), 16U);
  make("interpolate", "between", {"--data", "data", "--at", "3", "--mix", "spherical"});
  const PngText other = read_png_text(as_bytes(bytes("between.png")), "between");
  EXPECT_EQ(other.at("command") + other.at("images") + other.at("mix") + other.at("at"),
            "interpolatedata 0,1spherical3");
}

// The noise of a learned variance is a family's noise, too, and that of a filling.
TEST_F(Pictures, ALearnedVarianceIsNoiseLikeAnyOther) {
  fs::remove_all(folder_ / "run");
  train_tiny("run", {"--steps", "20", "--threads", "1", "--loss", "hybrid", "--variance",
                     "learned_range"});
  make("family", "kin", {"--count", "2", "--shared-until", "10", "--batch-size", "1"});
  EXPECT_NE(cell("kin", 0, 2), cell("kin", 0, 3));
  make("inpaint", "filled", {"--data", "data", "--fill", "left", "--count", "2"});
  EXPECT_NE(cell("filled", 0, 2), cell("filled", 0, 3));
  make("reconstruct", "back", {"--data", "data", "--encode", "ddim", "--sampler", "ddpm"});
}

TEST_F(Pictures, EachLastLineIsACommandThatRuns) {
  const std::vector<std::vector<std::string>> jobs = {
      {"progressive", "--count", "2"},
      {"family", "--count", "2"},
      {"interpolate", "--data", "data", "--points", "2"},
      {"interpolate", "--from", "data/000.png", "--to", "data/001.png", "--points", "2"},
      {"reconstruct", "--data", "data", "--images", "4,2"},
      {"reconstruct", "--data", "data"},
      {"inpaint", "--data", "data", "--fill", "left", "--count", "1"}};
  for (const auto& job : jobs) {
    const Outcome made = make(job[0], "made", {job.begin() + 1, job.end()});
    const std::string last = lines_of(made.out).back();
    ASSERT_EQ(last.rfind("next: ", 0), 0U) << last;
    const Outcome after = run_shell(folder_, last.substr(6));
    EXPECT_EQ(after.exit_code, 0) << last << "\n" << after.err;
  }
}

TEST_F(Pictures, ASignalStopsTheWorkAndNothingIsWritten) {
  const Outcome outcome =
      run_ddpm_until(folder_,
                     {"inpaint", "--checkpoint", "run", "--data", "data", "--fill", "left",
                      "--count", "100", "--resamplings", "1000", "--out", "filled.png"},
                     folder_ / ".stdout", SIGTERM);
  EXPECT_EQ(outcome.exit_code, 128 + SIGTERM) << outcome.err;
  EXPECT_FALSE(fs::exists(folder_ / "filled.png"));
}

}  // namespace
}  // namespace ddpm
