#include "ddpm/jobs/image_files.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class ImageFiles : public testing::Test {
 protected:
  void write(int64_t index, const std::string& bytes) const {
    folder_.write(image_file(folder_, index), bytes);
  }
  std::string bytes(int64_t index) const { return folder_.read(image_file(folder_, index)); }

  std::vector<int64_t> missing(int64_t first, int64_t count) const {
    MissingImages images = missing_images(folder_, job_, first, count);
    std::vector<int64_t> all = images.next(1'000'000);
    EXPECT_EQ(std::ssize(all), images.size());
    return all;
  }
  std::string refusal(const PngText& job) const {
    return complaint<InvalidArgument>([&] { missing_images(folder_, job, 0, 9); });
  }

  const TemporaryFolder folder_;
  const Image image_{2, 2, 1, 8, {1, 2, 3, 4}};
  const PngText job_ = {{"chain", "00ff"}, {"rng", "ddpm"}, {"seed", "3"}};
};

TEST_F(ImageFiles, WhatIsCompleteIsKeptAndWhatWasCutOffIsMadeAgain) {
  EXPECT_EQ(missing(0, 3), (std::vector<int64_t>{0, 1, 2}));
  for (const int64_t index : {0, 1, 3, 1'000'000})
    write(index, encode_job_image(image_, job_, index));
  EXPECT_EQ(missing(0, 5), (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(missing(1'000'000, 2), (std::vector<int64_t>{1'000'001}));
  write(1, bytes(1).substr(0, bytes(1).size() - 20));
  EXPECT_EQ(missing(0, 3), (std::vector<int64_t>{1, 2}));
}

// A file that ends within its text is this job's as far as it goes, or somebody else's.
TEST_F(ImageFiles, WhatWasCutOffWithinItsTextIsMadeAgainIfItIsOfThisJob) {
  const std::string whole = encode_job_image(image_, job_, 0);
  const size_t named = whole.find("ddpm") + 4;  // the text that every file begins with
  for (size_t size = named + 16; size < whole.size(); ++size) {
    write(0, whole.substr(0, size));
    EXPECT_EQ(missing(0, 1), (std::vector<int64_t>{0})) << size;
  }
  PngText other = job_;
  other["rng"] = "diffusers";
  write(0, whole.substr(0, whole.find("IDAT") - 4));
  EXPECT_NE(refusal(other), "");
  write(0, whole.substr(0, 40));
  EXPECT_NE(refusal(job_), "");
  write(0, "");
  EXPECT_NE(refusal(job_), "");
}

TEST_F(ImageFiles, TheNumbersOfALargeJobComeInParts) {
  MissingImages images(5, 10, {5, 8, 14});
  EXPECT_EQ(images.size(), 7);
  EXPECT_EQ(images.next(3), (std::vector<int64_t>{6, 7, 9}));
  EXPECT_EQ(images.next(3), (std::vector<int64_t>{10, 11, 12}));
  EXPECT_EQ(images.next(3), (std::vector<int64_t>{13}));
  EXPECT_TRUE(images.next(3).empty());
}

TEST_F(ImageFiles, AnyDifferenceInEitherDirectionIsRefusedAndNamed) {
  write(4, encode_job_image(image_, job_, 4));
  const std::string before = bytes(4);
  EXPECT_EQ(refusal(job_), "");
  PngText other = job_;
  other["seed"] = "4";
  expect_contains(refusal(other),
                  "000004.png is of another job: its seed is 3, expected 4; choose another --out");
  PngText less = job_;
  less.erase("rng");
  expect_contains(refusal(less), "its rng is ddpm, expected missing");
  PngText more = job_;
  more["a new flag"] = "x";
  expect_contains(refusal(more), "its a new flag is missing, expected x");
  PngText unnamed = job_;
  unnamed["chain"] = "00fe";
  expect_contains(refusal(unnamed), "its chain is 00ff, expected 00fe");
  EXPECT_EQ(bytes(4), before);
}

TEST_F(ImageFiles, AnImageUnderAnotherNumberIsNotThatImage) {
  write(4, encode_job_image(image_, job_, 5));
  expect_contains(refusal(job_), "its index is 5, expected 4");
}

TEST_F(ImageFiles, WhatIsNotOfThisProgramIsNeverOverwritten) {
  const fs::path path = image_file(folder_, 2);
  for (const std::string& foreign :
       {std::string(), std::string("my diary"), encode_png(image_),
        encode_png(image_, {{"seed", "3"}}), encode_png(image_).substr(0, 40)}) {
    write(2, foreign);
    expect_contains(refusal(job_), "did not make; choose another --out");
    EXPECT_EQ(bytes(2), foreign);
  }
  fs::remove(path);
  fs::create_directory(path);
  expect_contains(refusal(job_), "got a folder");
  fs::remove(path);
  fs::create_symlink("nowhere", path);
  expect_contains(refusal(job_), "got something else");
  EXPECT_NE(complaint<InvalidArgument>([&] { check_is_of_job(path, job_); }), "");
}

}  // namespace
}  // namespace ddpm
