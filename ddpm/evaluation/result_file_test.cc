#include "ddpm/evaluation/result_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/random/stream.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class ResultFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path path() const { return folder_ / "x.safetensors"; }
  std::string bytes() const { return read_file(path(), 1 << 20); }

  static Json job(int64_t seed = 0) { return {{"seed", seed}, {"clip", true}}; }

  // Row i is (i, its draw), by batches of 4.
  static void compute(int64_t first, std::span<double> rows) {
    for (size_t i = 0; i < rows.size(); i += 2) {
      rows[i] = static_cast<double>(first) + static_cast<double>(i) / 2.0;
      rows[i + 1] = uniform({3, Purpose::kTest, static_cast<uint64_t>(rows[i])});
    }
  }

  fs::path folder_ =
      fs::temp_directory_path() / ("ddpm_result_file_test." + std::to_string(::getpid()));
};

struct Interrupted {};

TEST_F(ResultFiles, AnInterruptedJobGoesOnToTheSameBytes) {
  ResultFile whole(path(), job(), 30, 2);
  complete(whole, 2, 4, compute, [](int64_t) {});
  const std::string wanted = bytes();
  EXPECT_EQ(whole.values()[58], 29.0);
  for (const int64_t stop : {4, 12, 28, 30}) {
    fs::remove(path());
    ResultFile first(path(), job(), 30, 2);
    EXPECT_THROW(complete(first, 2, 4, compute,
                          [stop](int64_t done) {
                            if (done >= stop) throw Interrupted{};
                          }),
                 Interrupted);
    ResultFile second(path(), job(), 30, 2);
    EXPECT_EQ(second.done(), stop);
    std::vector<int64_t> batches;
    complete(
        second, 2, 4,
        [&](int64_t begin, std::span<double> rows) {
          batches.push_back(begin);
          compute(begin, rows);
        },
        [](int64_t) {});
    EXPECT_EQ(bytes(), wanted) << stop;
    for (const int64_t begin : batches) EXPECT_EQ(begin % 4, 0) << "batches are the same ones";
  }
}

// As after kill -9: nothing but what was saved is there.
TEST_F(ResultFiles, ACrashCostsTheRowsSinceTheLastSave) {
  ResultFile file(path(), job(), 30, 2);
  std::map<int64_t, std::string> saved;
  complete(
      file, 2, 4, compute, [&](int64_t done) { saved[done] = bytes(); }, /*seconds=*/0.0);
  const std::string wanted = bytes();
  for (const auto& [done, content] : saved) {
    write_file_whole(path(), content);
    ResultFile again(path(), job(), 30, 2);
    EXPECT_EQ(again.done(), done == 30 ? 28 : done - 4) << "saved behind the batch before";
    complete(again, 2, 4, compute, [](int64_t) {});
    EXPECT_EQ(bytes(), wanted);
  }
}

TEST_F(ResultFiles, ACompleteJobIsNotComputedAgain) {
  ResultFile file(path(), job(), 3, 2);
  complete(file, 2, 4, compute, [](int64_t) {});
  ResultFile again(path(), job(), 3, 2);
  complete(
      again, 2, 4, [](int64_t, std::span<double>) { FAIL(); }, [](int64_t) { FAIL(); });
}

TEST_F(ResultFiles, RefusesTheFileOfAnotherJobAndLeavesIt) {
  ResultFile file(path(), job(), 3, 2);
  file.save();
  const std::string before = bytes();
  try {
    ResultFile(path(), job(7), 3, 2);
    FAIL();
  } catch (const InvalidArgument& error) {
    EXPECT_EQ(std::string(error.what()), path().string() +
                                             " is of another job: its seed is 0, wanted 7; choose "
                                             "another --out");
  }
  Json less = job();
  less.erase("clip");
  EXPECT_THROW(ResultFile(path(), less, 3, 2), InvalidArgument);
  EXPECT_EQ(bytes(), before);
}

TEST_F(ResultFiles, RefusesWhatIsDamaged) {
  ResultFile file(path(), job(), 30, 2);
  complete(file, 2, 4, compute, [](int64_t) {});
  const std::string whole = bytes();
  for (const size_t size : {size_t{0}, size_t{7}, whole.size() / 2, whole.size() - 1}) {
    write_file_whole(path(), whole.substr(0, size));
    EXPECT_THROW(ResultFile(path(), job(), 30, 2), FormatError) << size;
  }
  write_file_whole(path(), whole);
  EXPECT_THROW(ResultFile(path(), job(), 29, 2), FormatError) << "more rows than the job has";
  EXPECT_THROW(ResultFile(path(), job(), 30, 3), FormatError);
  fs::remove(path());
  ResultFile broken(path(), job(), 1, 1);
  broken.add(std::vector<double>{std::numeric_limits<double>::quiet_NaN()});
  broken.save();
  EXPECT_THROW(ResultFile(path(), job(), 1, 1), FormatError);
}

}  // namespace
}  // namespace ddpm
