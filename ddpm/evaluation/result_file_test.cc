#include "ddpm/evaluation/result_file.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/format_version.h"
#include "ddpm/formats/safetensors.h"
#include "ddpm/random/stream.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class ResultFiles : public ::testing::Test {
 protected:
  fs::path path() const { return folder_ / "x.safetensors"; }
  std::string bytes() const { return folder_.read(path()); }

  static Json job(int64_t seed = 0) { return {{"seed", seed}, {"clip", true}}; }

  // Row i is (i, its draw), by batches of 4.
  static void compute(int64_t first, std::span<double> rows) {
    for (size_t i = 0; i < rows.size(); i += 2) {
      rows[i] = static_cast<double>(first) + static_cast<double>(i) / 2.0;
      rows[i + 1] = uniform({3, Purpose::kTest, static_cast<uint64_t>(rows[i])});
    }
  }

  const TemporaryFolder folder_;
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
    folder_.write(path(), content);
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
  EXPECT_EQ(
      complaint<InvalidArgument>([&] { ResultFile(path(), job(7), 3, 2); }),
      path().string() + " is of another job: its seed is 0, expected 7; choose another --out");
  // a setting that one of the two lacks is a difference, whichever it is
  Json less = job();
  less.erase("clip");
  expect_contains(complaint<InvalidArgument>([&] { ResultFile(path(), less, 3, 2); }),
                  "its clip is true, expected missing");
  Json more = job();
  more["cdf"] = "exact";
  expect_contains(complaint<InvalidArgument>([&] { ResultFile(path(), more, 3, 2); }),
                  "its cdf is missing, expected \"exact\"");
  EXPECT_EQ(bytes(), before);
}

// In each byte of the rows and of the job, and of whatever else the file has.
TEST_F(ResultFiles, NoticesABitThatFlips) {
  ResultFile file(path(), job(), 3, 2);
  complete(file, 2, 4, compute, [](int64_t) {});
  const std::string whole = bytes();
  const size_t rows = whole.size() - 6 * sizeof(double);
  for (size_t at = 8; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    folder_.write(path(), flipped);
    const auto open = [this] { ResultFile(path(), job(), 3, 2); };
    if (at >= rows) {
      EXPECT_NE(complaint<FormatError>(open), "") << at;
      continue;
    }
    // a space between the parts of the header may become a tab or another space
    if (complaint<Error>(open).empty()) {
      const ResultFile same(path(), job(), 3, 2);
      EXPECT_EQ(std::vector<double>(same.values().begin(), same.values().end()),
                std::vector<double>(file.values().begin(), file.values().end()));
    }
  }
}

TEST_F(ResultFiles, OfAnotherVersionAreRefusedAndLeft) {
  const std::vector<double> values = {1.0, 2.0};
  const TensorToWrite tensor{"values", DType::kF64, {1, 2}, std::as_bytes(std::span(values))};
  const std::string text = json_line(job());
  folder_.write(path(), encode_safetensors({tensor}, {{"job", text}}));
  const std::string first = bytes();
  expect_contains(complaint<InvalidArgument>([&] { ResultFile(path(), job(), 3, 2); }),
                  "expected a results file of version 2, got one of version 1, whose rows have no");
  EXPECT_EQ(bytes(), first);
  folder_.write(path(), encode_safetensors({tensor}, {{"job", text}, {"version", "3"}}));
  expect_contains(complaint<NewerVersion>([&] { ResultFile(path(), job(), 3, 2); }),
                  "written by a newer version of ddpm; expected version 2, got 3");
  folder_.write(path(), encode_safetensors({tensor}, {{"job", text}, {"version", "2"}}));
  expect_contains(complaint<FormatError>([&] { ResultFile(path(), job(), 3, 2); }),
                  "metadata key 'sha256' is missing");
}

TEST_F(ResultFiles, RefusesWhatIsDamaged) {
  ResultFile file(path(), job(), 30, 2);
  complete(file, 2, 4, compute, [](int64_t) {});
  const std::string whole = bytes();
  for (const size_t size : {size_t{0}, size_t{7}, whole.size() / 2, whole.size() - 1}) {
    folder_.write(path(), whole.substr(0, size));
    EXPECT_THROW(ResultFile(path(), job(), 30, 2), FormatError) << size;
  }
  folder_.write(path(), whole);
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
