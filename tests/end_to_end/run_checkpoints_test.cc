// The folder RUN/checkpoints: what may be written there, what is taken for a checkpoint, and what
// training leaves alone.

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

class RunCheckpoints : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "20", "--save-every", "10", "--keep-last", "2"});
  }

  fs::path checkpoints() const { return folder_ / "run" / "checkpoints"; }

  void expect_error(const Words& words, int exit_code, const Words& parts) const {
    const Outcome outcome = ddpm(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << words[0] << ": " << outcome.out << outcome.err;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    for (const std::string& part : parts) {
      EXPECT_NE(outcome.err.find(part), std::string::npos) << words[0] << ": " << outcome.err;
    }
  }
};

// Before metrics.jsonl is begun there is no step.
TEST_F(RunCheckpoints, ADiskWithoutRoomForOneIsAnErrorBeforeAnyStep) {
  const fs::path disk = folder_ / "disk";
  fs::create_directories(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=200k") != 0) {
    GTEST_SKIP() << "cannot mount: " << std::strerror(errno);
  }
  expect_error(
      {"train", "--preset", "tiny", "--data", "data", "--steps", "20", "--out", "disk/run"}, 1,
      {"a checkpoint needs", "the disk has"});
  EXPECT_FALSE(fs::exists(disk / "run" / "metrics.jsonl"));
  ASSERT_EQ(::umount(disk.c_str()), 0);
}

TEST_F(RunCheckpoints, NoCommandWritesAmongThem) {
  const std::string inside = "run/checkpoints/00000030";
  const std::vector<Words> commands = {
      {"train", "--preset", "tiny", "--data", "data", "--out", inside},
      {"export", "--checkpoint", "run", "--out", inside},
      {"sample", "--checkpoint", "run", "--out", inside},
      {"evaluate", "bpd", "--checkpoint", "run", "--data", "data", "--out", inside},
      {"progressive", "--checkpoint", "run", "--out", "new.png", "--single", inside},
      {"denoise", "--checkpoint", "run", "--out", inside + ".png"},
      {"sample", "--checkpoint", "run", "--out", "run/checkpoints/00000010/images"}};
  for (const Words& words : commands) {
    expect_error(words, 2, {": expected a place outside of ", "run/checkpoints, which holds "});
  }
  EXPECT_FALSE(fs::exists(folder_ / inside));
}

TEST_F(RunCheckpoints, WhatOthersPutThereIsReportedAndStays) {
  fs::rename(folder_ / "run", folder_ / "other");
  train_tiny("run", {"--steps", "20", "--save-every", "10", "--keep-last", "2"});
  fs::rename(folder_ / "other", checkpoints() / "00000030");
  write_file_whole(checkpoints() / "00000010" / "notes.txt", "mine");
  expect_error({"train", "--resume", "run", "--steps", "40"}, 1,
               {"cannot save step 30 again: ", "00000030 is damaged: ", "it holds "});
  EXPECT_TRUE(fs::exists(checkpoints() / "00000030" / "config.json"));
  fs::rename(checkpoints() / "00000030", folder_ / "other");
  const Outcome resumed = ddpm({"train", "--resume", "run", "--steps", "40"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_NE(resumed.out.find("00000010: it holds notes.txt"), std::string::npos) << resumed.out;
  EXPECT_TRUE(fs::exists(checkpoints() / "00000010" / "notes.txt"));
  EXPECT_FALSE(fs::exists(checkpoints() / "00000020"));
}

TEST_F(RunCheckpoints, WhatIsNoFolderIsADamagedCheckpoint) {
  const fs::path newest = checkpoints() / "00000020";
  fs::remove_all(newest);
  ASSERT_EQ(::mkfifo(newest.c_str(), 0600), 0);
  expect_error({"sample", "--checkpoint", "run", "--out", "new"}, 1,
               {"00000020 is damaged: expected a folder, got a FIFO", "00000010 takes the newest"});
  const Outcome info = ddpm({"info", "run"});
  EXPECT_EQ(info.exit_code, 0) << info.err;
  EXPECT_NE(info.out.find("00000020 is damaged: "), std::string::npos) << info.out;
}

TEST_F(RunCheckpoints, ARunWithoutThemIsNotTakenForANetwork) {
  fs::rename(checkpoints(), folder_ / "kept");
  for (const bool link : {false, true}) {
    if (link) fs::create_directory_symlink("unmounted", checkpoints());
    const std::string got = link ? "got a link that leads nowhere" : "got none";
    for (const Words& words :
         std::vector<Words>{{"info", "run"},
                            {"sample", "--checkpoint", "run", "--out", "new"},
                            {"train", "--data", "data", "--out", "new", "--init-from", "run"}}) {
      expect_error(words, 2, {"expected a run with the folder checkpoints, ", got});
    }
  }
}

TEST_F(RunCheckpoints, AFinishedRunRefusesDataThatDoNotExist) {
  expect_error({"train", "--resume", "run", "--data", "nowhere"}, 2,
               {"nowhere", "which does not exist"});
  EXPECT_EQ(ddpm({"train", "--resume", "run", "--data", "data"}).exit_code, 0);
}

TEST_F(RunCheckpoints, ALinkToNothingInPlaceOfAFolderIsNamed) {
  fs::remove_all(folder_ / "run" / "samples");
  fs::create_directory_symlink("unmounted", folder_ / "run" / "samples");
  expect_error({"train", "--resume", "run", "--steps", "30"}, 1,
               {"run/samples: expected a folder or nothing, got a link that leads nowhere"});
}

TEST_F(RunCheckpoints, DataThatVanishEndTheTrainingWithACheckpoint) {
  const fs::path late = folder_ / "late";
  const fs::path gone = folder_ / "data" / "003.png";
  const Words words = ddpm_with({"train", "--preset", "tiny", "--data", "data", "--out", "late",
                                 "--steps", "1000000", "--save-every", "10", "--sample-every", "0",
                                 "--data-cache-bytes", "0"});
  // a signal that changes nothing, sent when the first checkpoint is there
  const Outcome outcome = run_until(
      folder_, words,
      [&] {
        if (!fs::exists(late / "checkpoints" / "00000010")) return false;
        fs::remove(gone);
        return true;
      },
      SIGCHLD);
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_NE(outcome.err.find("003.png"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("with a complete checkpoint of step "), std::string::npos)
      << outcome.err;
}

TEST_F(RunCheckpoints, ARemovedWorkingFolderIsOneLineOfTheCommand) {
  const Words words = ddpm_with({"plan", "--preset", "tiny", "--data", "data"});
  const Outcome outcome =
      run_shell(folder_, concat("mkdir gone && cd gone && rmdir ../gone && ", words[0],
                                " plan --preset tiny ", "--data ", (folder_ / "data").string()));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_NE(outcome.err.find("plan: the working folder cannot be used: "), std::string::npos)
      << outcome.err;
}

}  // namespace
}  // namespace ddpm
