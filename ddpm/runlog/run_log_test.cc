#include "ddpm/runlog/run_log.h"

#include <gtest/gtest.h>

#include <limits>

#include "ddpm/base/check.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class RunLogFile : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const fs::path path_ = folder_ / "metrics.jsonl";
};

Json metrics(int64_t step, double loss) {
  return {{"kind", "metrics"}, {"step", step}, {"loss", loss}};
}

std::vector<int64_t> steps_of(const RunLog& log) {
  std::vector<int64_t> steps;
  for (const MetricsRow& row : log.metrics) steps.push_back(row.step);
  return steps;
}

using Steps = std::vector<int64_t>;

TEST_F(RunLogFile, ReadsWhatWasAppended) {
  RunLogWriter writer(path_);
  Json line = metrics(10, 0.5);
  line["loss_by_t"] = {0.25, nullptr};
  line["something_new"] = "kept";
  writer.append(line);
  const RunLog log = read_run_log(path_);
  ASSERT_EQ(log.metrics.size(), 1U);
  EXPECT_EQ(log.metrics[0].loss, 0.5);
  EXPECT_EQ(log.metrics[0].learning_rate, std::nullopt);
  EXPECT_EQ(log.metrics[0].loss_by_t, (std::vector<std::optional<double>>{0.25, std::nullopt}));
  EXPECT_EQ(log.lines[0]["something_new"], "kept");
  EXPECT_EQ(log.unreadable_lines, 0);
}

TEST_F(RunLogFile, ALineWithoutItsEndIsNotThereYet) {
  RunLogWriter writer(path_);
  writer.append(metrics(1, 1.0));
  real_files().append(path_, as_bytes(R"({"kind":"metrics","step":2})"));
  EXPECT_EQ(steps_of(read_run_log(path_)), Steps{1});
}

TEST_F(RunLogFile, ATornLineIsEndedAndPassedOverWhenARunGoesOn) {
  real_files().append(path_, as_bytes("{\"kind\":\"metrics\",\"step\":1}\n{\"kind\":\"met"));
  RunLogWriter writer(path_);
  writer.append({{"kind", "resume"}, {"step", 1}});
  writer.append(metrics(2, 1.0));
  const RunLog log = read_run_log(path_);
  EXPECT_EQ(steps_of(log), (Steps{1, 2}));
  EXPECT_EQ(log.unreadable_lines, 1);
}

TEST_F(RunLogFile, AResumeTakesBackTheLinesBeyondItsStep) {
  RunLogWriter writer(path_);
  for (const int64_t step : {10, 20, 30}) writer.append(metrics(step, 1.0));
  writer.append({{"kind", "resume"}, {"step", 20}});
  writer.append(metrics(30, 2.0));
  const RunLog log = read_run_log(path_);
  EXPECT_EQ(steps_of(log), (Steps{10, 20, 30}));
  EXPECT_EQ(log.metrics[2].loss, 2.0);
}

TEST(RunLogLines, OneWithAValueOfTheWrongTypeIsNamedAndPassedOver) {
  const std::string good = "{\"kind\":\"metrics\",\"step\":2,\"loss\":null}\n";
  for (const char* bad :
       {"\"step\":\"5\"", "\"step\":null", "\"step\":-1", "\"step\":1.5", "\"step\":1e300",
        "\"step\":18446744073709551615", "\"loss\":\"low\"", "\"loss\":[]", "\"seconds\":{}",
        "\"loss_by_t\":3", "\"loss_by_t\":[\"x\"]", "\"data_fingerprint\":7", "\"reason\":false"}) {
    SCOPED_TRACE(bad);
    const std::string line = std::string("{\"kind\":\"metrics\",") + bad + "}\n";
    const RunLog log = parse_run_log(good + line + good);
    EXPECT_EQ(log.lines.size(), 2U);
    EXPECT_EQ(log.unreadable_lines, 1);
    ASSERT_EQ(log.faults.size(), 1U);
    EXPECT_EQ(log.faults[0].find("line 2: "), 0U) << log.faults[0];
  }
}

TEST_F(RunLogFile, AMissingFileIsAnEmptyLog) {
  EXPECT_TRUE(read_run_log(path_).lines.empty());
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(RunLogFile, RefusesLinesWithoutAKindAndNumbersThatJsonCannotSay) {
  RunLogWriter writer(path_);
  EXPECT_THROW(writer.append({{"step", 1}}), InvalidArgument);
  EXPECT_THROW(writer.append(metrics(1, std::numeric_limits<double>::infinity())), InvalidArgument);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(RunLogFile, ComparedWithoutTimesAnInterruptedRunIsThatOfAnUninterruptedOne) {
  RunLogWriter whole(path_);
  Json line = metrics(10, 1.0);
  line["seconds"] = 3.5;
  whole.append({{"kind", "start"}});
  whole.append(line);
  whole.append(metrics(20, 2.0));
  RunLogWriter cut(folder_ / "cut.jsonl");
  line["seconds"] = 99.0;
  cut.append(line);
  cut.append(metrics(20, 7.0));
  cut.append({{"kind", "resume"}, {"step", 10}});
  cut.append(metrics(20, 2.0));
  EXPECT_EQ(comparable(read_run_log(folder_ / "cut.jsonl")), comparable(read_run_log(path_)));
}

}  // namespace
}  // namespace ddpm
