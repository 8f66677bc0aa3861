// What every command prints: first the absolute path of what it makes, last a command that works
// as it stands.

#include <cstdlib>

#include "ddpm/base/file.h"
#include "ddpm/formats/npy.h"
#include "ddpm/formats/png.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Output : public EndToEnd {
 protected:
  // The command of the last line, run by a shell; what that says.
  Outcome follow(const Outcome& before) const {
    EXPECT_EQ(before.exit_code, 0) << before.err;
    const std::string last = lines_of(before.out).back();
    EXPECT_EQ(last.rfind("next: ", 0), 0U) << last;
    const Outcome after = run_shell(folder_, last.substr(6));
    EXPECT_EQ(after.exit_code, 0) << last << "\n" << after.err;
    return after;
  }

  std::string absolute(const std::string& name) const { return (folder_ / name).string(); }
};

TEST_F(Output, EachLastLineIsACommandThatRuns) {
  // from the data to the samples, each step as the one before it suggests
  const std::string odd_name = "my own data's";
  fs::rename(folder_ / "data", folder_ / odd_name);
  const Outcome forward = ddpm({"forward", "--data", odd_name, "--out", "new/forward.png"});
  EXPECT_EQ(lines_of(forward.out).front(), absolute("new/forward.png"));
  follow(forward);
  const Outcome plan =
      ddpm({"plan", "--preset", "tiny", "--no-flip", "--data", odd_name, "--out", "runs/new"});
  const Outcome train = follow(plan);
  EXPECT_EQ(lines_of(train.out).front(), absolute("runs/new"));
  const Outcome sample = follow(train);
  EXPECT_EQ(lines_of(sample.out).front(), absolute("runs/new/images"));
  const Outcome more = follow(sample);
  EXPECT_TRUE(fs::exists(folder_ / "runs/new/images/000127.png")) << more.out;
  const Outcome info = ddpm({"info", "runs/new"});
  follow(info);
  EXPECT_EQ(ddpm({"info", "--checkpoint", "runs/new"}).out, info.out);
  EXPECT_TRUE(fs::exists(folder_ / "samples/grid.png"));
}

TEST_F(Output, SchedulesAreATableACsvAndAPicture) {
  const Outcome all = ddpm({"schedule", "--schedule", "linear,jsd", "--T", "20", "--csv",
                            "new/s.csv", "--out", "new/s.png"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  const auto lines = lines_of(all.out);
  EXPECT_EQ(lines[0], absolute("new/s.csv"));
  EXPECT_EQ(lines[1], absolute("new/s.png"));
  EXPECT_EQ(lines[2], "linear, T = 20");
  EXPECT_EQ(lines.back().rfind("next: ", 0), 0U);
  const auto rows = lines_of(read_file(folder_ / "new/s.csv", 1 << 20));
  ASSERT_EQ(rows.size(), 1U + 2 * 20);
  EXPECT_EQ(rows[0], "schedule,t,beta,alpha_bar,log_snr,posterior_variance,prior_bits");
  EXPECT_EQ(rows.back().rfind("jsd,20,1,0,-inf,", 0), 0U) << rows.back();
  EXPECT_TRUE(is_png(as_bytes(read_file(folder_ / "new/s.png", 1 << 20))));
}

TEST_F(Output, PicturesAndArraysAreAnnouncedAndFollowedToo) {
  train_tiny("run", {});
  const Outcome denoise = ddpm({"denoise", "--checkpoint", "run", "--out", "new/denoise.png"});
  EXPECT_EQ(lines_of(denoise.out).front(), absolute("new/denoise.png"));
  follow(denoise);
  const std::string zeros(64 * sizeof(float), '\0');
  const std::string zero(sizeof(int64_t), '\0');
  write_file_whole(folder_ / "x.npy", encode_npy({"<f4", {1, 1, 8, 8}, zeros}));
  write_file_whole(folder_ / "t.npy", encode_npy({"<i8", {1}, zero}));
  const Outcome predict = ddpm({"predict", "--checkpoint", "run", "--input", "x.npy", "--timesteps",
                                "t.npy", "--output", "new/y.npy"});
  EXPECT_EQ(lines_of(predict.out).front(), absolute("new/y.npy"));
  follow(predict);
}

TEST_F(Output, ARunThatWasStoppedNamesTheCommandThatGoesOn) {
  const Outcome timed = ddpm({"train", "--preset", "tiny", "--data", "data", "--out", "run",
                              "--steps", "1000000", "--time-limit", "1s", "--sample-every", "0"});
  const std::string last = lines_of(timed.out).back();
  EXPECT_NE(last.find("train --resume " + absolute("run")), std::string::npos) << last;
  const Outcome resumed = run_shell(folder_, last.substr(6) + " --time-limit 1s");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_NE(resumed.out.find("resumed at step"), std::string::npos) << resumed.out;
}

TEST_F(Output, HelpRunsNothingAndAnUnknownCommandIsAnError) {
  const auto help = [&](const std::vector<std::string>& words) {
    std::vector<std::string> all = {"help"};
    all.insert(all.end(), words.begin(), words.end());
    return ddpm(all);
  };
  EXPECT_EQ(help({}).exit_code, 0);
  EXPECT_NE(help({"evaluate"}).out.find("rate-distortion"), std::string::npos);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"schedule", "--out", "s.png"},
        {"schedule", "--out"},
        {"schedule"},
        {"schedule", "x"}}) {
    const Outcome outcome = help(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("--betas"), std::string::npos) << outcome.out;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "s.png"));
  EXPECT_EQ(help({"evaluate", "bpd"}).out, ddpm({"evaluate", "bpd", "--help"}).out);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"trian"}, {"evaluate", "bdp"}, {"trian", "x"}}) {
    const Outcome outcome = help(words);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_NE(outcome.err.find("did you mean"), std::string::npos) << outcome.err;
  }
}

TEST_F(Output, TrainingSaysFirstWhatItWillBeAndCost) {
  const Outcome train = ddpm({"train", "--preset", "tiny", "--data", "data", "--out", "run"});
  for (const char* word : {"parameters", "multiply-adds", "activations", "a step", "the run",
                           "suggested batch", "found 24, used 24"}) {
    EXPECT_LT(train.out.find(word), train.out.find("20/20 steps")) << word;
  }
}

}  // namespace
}  // namespace ddpm
