// However a run is interrupted, going on gives what it would have given without: bit for bit.

#include <signal.h>

#include <algorithm>
#include <thread>

#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/runlog/run_log.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kSixty = {"--steps",     "60", "--save-every",   "10",
                                         "--log-every", "7",  "--sample-every", "20",
                                         "--threads",   "2",  "--keep-last",    "0"};

std::vector<std::string> train_arguments(const std::string& run) {
  std::vector<std::string> arguments = {"train", "--preset", "tiny", "--data",
                                        "data",  "--out",    run};
  arguments.insert(arguments.end(), kSixty.begin(), kSixty.end());
  return arguments;
}

class Resume : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("whole", kSixty);
  }

  // The last checkpoint's weights, average and optimiser, the log and the previews are those of
  // "whole".
  void expect_equal_to_whole(const std::string& run) const {
    const auto whole = weights_below(folder_ / "whole" / "checkpoints" / "00000060");
    EXPECT_GE(whole.size(), 3U);
    EXPECT_EQ(weights_below(folder_ / run / "checkpoints" / "00000060"), whole);
    EXPECT_EQ(comparable(read_run_log(folder_ / run / "metrics.jsonl")),
              comparable(read_run_log(folder_ / "whole" / "metrics.jsonl")));
    for (const char* picture : {"00000020.png", "00000040.png", "00000060.png"}) {
      EXPECT_EQ(read_file(folder_ / run / "samples" / picture, 1 << 24),
                read_file(folder_ / "whole" / "samples" / picture, 1 << 24))
          << picture;
    }
  }

  // The last by name of what is in a folder and not temporary; "" if there is nothing.
  static fs::path newest_below(const fs::path& folder) {
    fs::path newest;
    if (!fs::exists(folder)) return newest;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().filename().string()[0] != '.') newest = std::max(newest, entry.path());
    }
    return newest;
  }

  void resume(const std::string& run) const {
    const Outcome outcome = ddpm({"train", "--resume", run});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    EXPECT_NE(outcome.out.find("resumed at step"), std::string::npos) << outcome.out;
  }
};

TEST_F(Resume, AfterKillMinusNineTheWeightsAreThoseOfAnUninterruptedRun) {
  const fs::path middle = folder_ / "killed" / "checkpoints" / "00000030";
  const Outcome killed = run_ddpm_until(folder_, train_arguments("killed"), middle, SIGKILL);
  ASSERT_EQ(killed.exit_code, 128 + SIGKILL) << killed.out << killed.err;
  resume("killed");
  expect_equal_to_whole("killed");
}

TEST_F(Resume, AfterSigtermTheRunEndsWithACheckpointAndGoesOnExactly) {
  const fs::path early = folder_ / "stopped" / "checkpoints" / "00000010";
  const Outcome stopped = run_ddpm_until(folder_, train_arguments("stopped"), early, SIGTERM);
  ASSERT_EQ(stopped.exit_code, 128 + SIGTERM) << stopped.out << stopped.err;
  EXPECT_NE(lines_of(stopped.out).back().find("ddpm train --resume"), std::string::npos);
  EXPECT_EQ(stopped.err, "");
  resume("stopped");
  expect_equal_to_whole("stopped");
}

TEST_F(Resume, KilledAgainAndAgainAtAnyMomentItStillEndsTheSame) {
  std::vector<std::string> arguments = train_arguments("hunted");
  const fs::path checkpoints = folder_ / "hunted" / "checkpoints";
  bool done = false;
  auto reached = fs::path();
  double patience = 0.5;  // seconds until the kill, which falls at another moment each time
  for (int round = 0; round < 60 && !done; ++round) {
    const fs::path never = folder_ / "never";
    std::thread bell([&never, patience] {
      std::this_thread::sleep_for(std::chrono::duration<double>(patience));
      write_file_whole(never, "");
    });
    const Outcome outcome = run_ddpm_until(folder_, arguments, never, SIGKILL);
    bell.join();
    fs::remove(never);
    done = outcome.exit_code == 0;
    ASSERT_TRUE(done || outcome.exit_code == 128 + SIGKILL) << outcome.out << outcome.err;
    const fs::path newest = newest_below(checkpoints);
    // a machine that is too slow to come further is given more time
    patience = newest == reached ? 1.5 * patience : patience + 0.037;
    reached = newest;
    if (!newest.empty()) {
      arguments = {"train", "--resume", "hunted"};
    } else {
      fs::remove_all(folder_ / "hunted");
    }
  }
  ASSERT_TRUE(done);
  expect_equal_to_whole("hunted");
}

TEST_F(Resume, ADamagedCheckpointIsNamedAndTheOneBeforeItUsed) {
  train_tiny("damaged", kSixty);
  const fs::path raw =
      folder_ / "damaged" / "checkpoints" / "00000060" / "training" / "raw.safetensors";
  std::string bytes = read_file(raw, 1 << 24);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file_whole(raw, bytes);
  const Outcome outcome = ddpm({"train", "--resume", "damaged"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("raw.safetensors"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("resumed at step 50"), std::string::npos) << outcome.out;
  expect_equal_to_whole("damaged");
}

TEST_F(Resume, TheTimeLimitEndsWithACheckpointAndExitCodeZero) {
  const Outcome outcome = ddpm({"train", "--preset", "tiny", "--data", "data", "--out", "timed",
                                "--steps", "1000000", "--time-limit", "1s"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Outcome info = ddpm({"info", "timed"});
  EXPECT_EQ(info.exit_code, 0) << info.err;
}

TEST_F(Resume, MoreStepsMayBeAskedForAndGiveTheLongerRun) {
  std::vector<std::string> thirty = kSixty;
  thirty[1] = "30";
  train_tiny("longer", thirty);
  const Outcome outcome = ddpm({"train", "--resume", "longer", "--steps", "60"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(weights_below(folder_ / "longer" / "checkpoints" / "00000060"),
            weights_below(folder_ / "whole" / "checkpoints" / "00000060"));
}

TEST_F(Resume, AnExtensionIsKeptAndAFinishedRunSuggestsSampling) {
  const Outcome finished = ddpm({"train", "--resume", "whole"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_NE(finished.out.find("finished: all of its 60 steps are done"), std::string::npos);
  EXPECT_NE(lines_of(finished.out).back().find("ddpm sample"), std::string::npos) << finished.out;

  const Outcome fewer = ddpm({"train", "--resume", "whole", "--steps", "50"});
  EXPECT_EQ(fewer.exit_code, 2);
  EXPECT_EQ(lines_of(fewer.err).size(), 1U) << fewer.err;
  EXPECT_NE(fewer.err.find("--steps: expected at least 60"), std::string::npos) << fewer.err;

  const Outcome limited =
      ddpm({"train", "--resume", "whole", "--steps", "70", "--time-limit", "0.000001"});
  EXPECT_EQ(limited.exit_code, 0) << limited.err;
  EXPECT_NE(lines_of(limited.out).back().find("ddpm train --resume"), std::string::npos);
  const Outcome plain = ddpm({"train", "--resume", "whole"});
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_TRUE(fs::exists(folder_ / "whole" / "checkpoints" / "00000070"));
  EXPECT_NE(lines_of(plain.out).back().find("ddpm sample"), std::string::npos) << plain.out;
}

TEST_F(Resume, ARunWithoutACheckpointBeginsAgainAsIfNothingHadHappened) {
  std::vector<std::string> late = train_arguments("late");
  *(std::find(late.begin(), late.end(), "--save-every") + 1) = "0";
  const fs::path picture = folder_ / "late" / "samples" / "00000020.png";
  const Outcome killed = run_ddpm_until(folder_, late, picture, SIGKILL);
  ASSERT_EQ(killed.exit_code, 128 + SIGKILL);
  const Outcome again = ddpm(late);
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.err.find("ddpm train --resume late"), std::string::npos) << again.err;
  const Outcome resumed = ddpm({"train", "--resume", "late"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  expect_equal_to_whole("late");
}

TEST_F(Resume, AWrongTypeInTheLogIsNamed) {
  const Outcome stopped = run_ddpm_until(folder_, train_arguments("typed"),
                                         folder_ / "typed" / "checkpoints" / "00000010", SIGTERM);
  ASSERT_EQ(stopped.exit_code, 128 + SIGTERM);
  const fs::path log = folder_ / "typed" / "metrics.jsonl";
  write_file_whole(log, read_file(log, 1 << 20) + "{\"kind\":\"channel_drift\",\"step\":\"9\"}\n");
  const Outcome resumed = ddpm({"train", "--resume", "typed"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_NE(resumed.out.find("step: expected a whole number"), std::string::npos) << resumed.out;
  expect_equal_to_whole("typed");
}

}  // namespace
}  // namespace ddpm
