// How the programs end when they are asked to, and when nobody reads what they print.

#include <signal.h>

#include "ddpm/base/file.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Stop : public EndToEnd {
 protected:
  // The words of a training that has 60 steps and a checkpoint every ten.
  static std::vector<std::string> training(const std::string& run) {
    return ddpm_with({"train", "--preset", "tiny", "--data", "data", "--out", run, "--steps", "60",
                      "--save-every", "10", "--keep-last", "0", "--threads", "1"});
  }

  static std::string line_of(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) line += "'" + word + "' ";
    return line;
  }

  // Goes on and compares with a run that was never stopped.
  void expect_to_end_as_uninterrupted(const std::string& run) const {
    const Outcome whole = run_shell(folder_, line_of(training("whole")));
    ASSERT_EQ(whole.exit_code, 0) << whole.err;
    const Outcome resumed = ddpm({"train", "--resume", run});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(weights_below(folder_ / run / "checkpoints" / "00000060"),
              weights_below(folder_ / "whole" / "checkpoints" / "00000060"));
  }
};

void expect_one_line(const Outcome& outcome, int code, const std::string& part) {
  EXPECT_EQ(outcome.exit_code, code) << outcome.out << outcome.err;
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
}

TEST_F(Stop, AnOutputThatCannotBeWrittenIsAnErrorOfEveryCommand) {
  train_tiny("run", {"--steps", "10", "--threads", "1"});
  const std::vector<std::vector<std::string>> commands = {
      {"--version"},
      {"--help"},
      {"sample", "--help"},
      {"info", "run"},
      {"info", "--cpu"},
      {"schedule"},
      {"forward", "--data", "data", "--out", "forward.png", "--images", "1"},
      {"export", "--checkpoint", "run", "--out", "exported"},
      {"sample", "--checkpoint", "run", "--out", "images", "--count", "1", "--steps", "2"},
      {"evaluate", "bpd", "--checkpoint", "run", "--data", "data", "--images", "1", "--out", "bits",
       "--times", "respaced:2"},
      {"plan", "--preset", "tiny", "--data", "data", "--threads", "1"},
  };
  for (const auto& command : commands) {
    for (const char* redirection : {"> /dev/full", ">&-"}) {
      const std::string line = line_of(ddpm_with(command)) + redirection;
      SCOPED_TRACE(line);
      expect_one_line(run_shell(folder_, line), 1, "cannot write to standard output");
      for (const char* made : {"exported", "images", "bits"}) fs::remove_all(folder_ / made);
    }
  }
}

TEST_F(Stop, ATrainingWhoseReaderHasGoneEndsWithACheckpointAndGoesOnExactly) {
  const Outcome outcome = run_shell(
      folder_, "{ " + line_of(training("run")) + "; echo $? > code; } | head -n 1 > /dev/null");
  EXPECT_EQ(read_file(folder_ / "code", 100), "1\n");
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_NE(outcome.err.find("ddpm train --resume"), std::string::npos) << outcome.err;
  expect_to_end_as_uninterrupted("run");
}

TEST_F(Stop, ATrainingWithoutStandardDescriptorsWritesItsTextNowhereElse) {
  const Outcome outcome = run_shell(folder_, line_of(training("run")) + "<&- >&- 2>&-");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_LE(read_file(folder_ / "run" / "lock", 1000).size(), 16U);
  expect_to_end_as_uninterrupted("run");
}

TEST_F(Stop, ATerminalThatIsClosedEndsATrainingAsSigtermDoes) {
  const fs::path early = folder_ / "run" / "checkpoints" / "00000010";
  const Outcome outcome = run_until(
      folder_, training("run"), [&] { return fs::exists(early); }, SIGHUP);
  EXPECT_EQ(outcome.exit_code, 128 + SIGHUP) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_NE(lines_of(outcome.out).back().find("ddpm train --resume"), std::string::npos);
  expect_to_end_as_uninterrupted("run");
}

TEST_F(Stop, AnInterruptThatTheCallerIgnoresIsIgnored) {
  for (const auto& [name, signal] : {std::pair("INT", SIGINT), {"HUP", SIGHUP}}) {
    fs::remove_all(folder_ / "run");
    const std::string line = std::string("trap '' ") + name + "; exec " + line_of(training("run"));
    const fs::path early = folder_ / "run" / "checkpoints" / "00000010";
    const Outcome outcome = run_until(
        folder_, {"/bin/sh", "-c", line}, [&] { return fs::exists(early); }, signal);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    EXPECT_TRUE(fs::exists(folder_ / "run" / "checkpoints" / "00000060"));
  }
}

// A step of this network takes longer than anybody waits.
TEST_F(Stop, NothingIsWaitedForNorLeftBehindBeforeTheFirstStep) {
  const std::vector<std::string> huge = {"--preset",        "tiny", "--data",    "data",
                                         "--batch-size",    "4096", "--threads", "1",
                                         "--base-channels", "1024"};
  for (std::vector<std::string> arguments :
       {std::vector<std::string>{"train", "--out", "run"}, {"plan"}}) {
    arguments.insert(arguments.end(), huge.begin(), huge.end());
    const Outcome outcome = run_until(
        folder_, ddpm_with(arguments), [&] { return has_written(folder_, "training  "); }, SIGINT);
    EXPECT_EQ(outcome.exit_code, 128 + SIGINT) << outcome.out << outcome.err;
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  }
}

TEST_F(Stop, ACopyOfDdpmInThePlaceOfDdpmTorchIsNamed) {
  const fs::path built = fs::path(DDPM_BUILD_DIR) / "ddpm";
  fs::copy_file(built, folder_ / "ddpm");
  const std::string line = "./ddpm plan --preset tiny --data data";
  fs::copy_file(built, folder_ / "ddpm-torch");
  expect_one_line(run_shell(folder_, line), 1, "without LibTorch");
  for (const bool symbolic : {false, true}) {
    fs::remove(folder_ / "ddpm-torch");
    if (symbolic) fs::create_symlink("ddpm", folder_ / "ddpm-torch");
    if (!symbolic) fs::create_hard_link(folder_ / "ddpm", folder_ / "ddpm-torch");
    expect_one_line(run_shell(folder_, line), 1, "without LibTorch");
  }
}

}  // namespace
}  // namespace ddpm
