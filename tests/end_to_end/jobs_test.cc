// A folder belongs to one job, and to one process at a time; what is not the job's stays as it is.

#include <signal.h>

#include <map>
#include <nlohmann/json.hpp>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/sha256.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

class Jobs : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "10"});
  }

  static Words sample_words(const Words& more, const std::string& count = "2") {
    Words words = {"sample",  "--checkpoint", "run",     "--out", "out",
                   "--count", count,          "--steps", "5"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static Words evaluate_words(const Words& more, const std::string& times = "respaced:4") {
    Words words = {"evaluate", "bpd",   "--checkpoint", "run", "--data",  "data",
                   "--out",    "rates", "--images",     "2",   "--times", times};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  // SHA-256 of every file below `folder`, hidden ones too, and the names of its folders.
  std::map<std::string, std::string> contents(const std::string& folder) const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / folder)) {
      const bool is_file = entry.is_regular_file() && !entry.is_symlink();
      all[entry.path().string()] = is_file ? sha256_of_file(entry.path()) : "";
    }
    return all;
  }

  // One line on stderr with all of `said`, and nothing changed in `folder`.
  void expect_refused(const Words& words, const std::string& folder, int exit_code,
                      const Words& said) const {
    const auto before = contents(folder);
    const Outcome outcome = ddpm(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out << outcome.err;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    for (const std::string& part : said) {
      EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err << "lacks " << part;
    }
    EXPECT_EQ(contents(folder), before);
  }

  void expect_done(const Words& words) const {
    const Outcome outcome = ddpm(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  }
};

TEST_F(Jobs, ImagesOfOtherSettingsAreRefusedInBothDirections) {
  const std::vector<Words> variants = {{},
                                       {"--rng", "diffusers"},
                                       {"--rng", "diffusers-per-image"},
                                       {"--sampler", "ddim"},
                                       {"--sampler", "ddim", "--raw-eps"},
                                       {"--parity", "official-tf"},
                                       {"--tables", "f32"}};
  for (const Words& one : variants) {
    fs::remove_all(folder_ / "out");
    expect_done(sample_words(one));
    expect_done(sample_words(one));
    for (const Words& other : variants) {
      if (&one == &other) continue;
      expect_refused(sample_words(other), "out", 2, {"is of another job: its ", "another --out"});
    }
  }
}

TEST_F(Jobs, MoreImagesOfTheSameJobAreAddedToItsFolder) {
  expect_done(sample_words({}));
  const auto before = contents("out");
  expect_done(sample_words({"--batch-size", "3", "--threads", "1"}, "4"));
  const auto after = contents("out");
  EXPECT_EQ(after.size(), before.size() + 2);
  for (const auto& [path, sum] : before) {
    if (path.ends_with("grid.png")) continue;
    EXPECT_EQ(after.at(path), sum) << path;
  }
  expect_done(sample_words({"--first-index", "4"}));
}

TEST_F(Jobs, FilesOfSomebodyElseInTheFolderAreNotOverwritten) {
  for (const char* name : {"000000.png", "000001.png", "grid.png", ".ddpm-lock"}) {
    fs::remove_all(folder_ / "out");
    fs::create_directories(folder_ / "out");
    write_file_whole(folder_ / "out" / name, "not an image\n");
    expect_refused(sample_words({}), "out", std::string(name) == ".ddpm-lock" ? 1 : 2, {name});
    fs::remove(folder_ / "out" / name);
    fs::create_symlink("elsewhere", folder_ / "out" / name);
    expect_refused(sample_words({}), "out", std::string(name) == ".ddpm-lock" ? 1 : 2, {name});
    EXPECT_FALSE(fs::exists(folder_ / "out" / "elsewhere"));
  }
  for (const char* name : {"bpd.json", "bound.csv", "bpd.png", "bound.safetensors"}) {
    fs::remove_all(folder_ / "rates");
    fs::create_directories(folder_ / "rates");
    write_file_whole(folder_ / "rates" / name, "my notes\n");
    const int code = std::string(name) == "bound.safetensors" ? 1 : 2;
    expect_refused(evaluate_words({}), "rates", code, {name});
  }
}

TEST_F(Jobs, OneProcessAtATimeWritesIntoAFolder) {
  const fs::path lock = folder_ / "out" / ".ddpm-lock";
  const Words longer = sample_words({"--batch-size", "1"}, "100000");
  const Outcome killed = run_ddpm_until(folder_, longer, folder_ / "out" / "000000.png", SIGKILL);
  ASSERT_EQ(killed.exit_code, 128 + SIGKILL);
  EXPECT_TRUE(fs::exists(lock)) << "of a process that was killed";
  expect_done(sample_words({}));
  EXPECT_FALSE(fs::exists(lock));
  // another process holds it: flock(1) with the very file
  write_file_whole(lock, "4711\n");
  const std::string ours = std::string(DDPM_BUILD_DIR) + "/ddpm sample --checkpoint run --out out";
  const Outcome busy = run_shell(folder_, "flock out/.ddpm-lock " + ours + " --count 2 --steps 5");
  EXPECT_EQ(busy.exit_code, 1) << busy.out << busy.err;
  EXPECT_NE(busy.err.find("process 4711 is writing into this folder"), std::string::npos)
      << busy.err;
  EXPECT_EQ(lines_of(busy.err).size(), 1U);
  expect_done(sample_words({}));
}

TEST_F(Jobs, AnEditedFileOfTheModelIsAnotherModel) {
  expect_done({"export", "--checkpoint", "run", "--out", "model"});
  const Words sample = {"sample", "--checkpoint", "model", "--out", "out", "--count", "1"};
  const Words evaluate = {"evaluate", "bpd",   "--checkpoint", "model", "--data",  "data",
                          "--out",    "rates", "--images",     "2",     "--times", "respaced:4"};
  expect_done(sample);
  expect_done(evaluate);
  for (const char* name :
       {"scheduler/scheduler_config.json", "unet/config.json", "model_index.json"}) {
    const fs::path path = folder_ / "model" / name;
    const std::string before = read_file(path, 1 << 20);
    Json json = parse_json(before, name);
    json["_edited"] = "keys that begin with _ mean nothing, but who knows that of all of them";
    write_file_whole(path, json_text(json));
    expect_refused(sample, "out", 2, {"its checkpoint is "});
    expect_refused(evaluate, "rates", 2, {"its checkpoint is "});
    write_file_whole(path, before);
    expect_done(sample);
    expect_done(evaluate);
  }
}

TEST_F(Jobs, RowsOfAnEvaluationAreOfOneJobAndUndamaged) {
  expect_done(evaluate_words({}));
  for (const Words& other :
       {Words{"--seed", "1"}, Words{"--variance", "fixed_small"}, Words{"--cdf", "tanh"},
        Words{"--no-clip"}, Words{"--weights", "raw"}}) {
    expect_refused(evaluate_words(other), "rates", 2, {"is of another job: its "});
  }
  expect_refused(evaluate_words({}, "respaced:5"), "rates", 2, {"is of another job: its "});
  const fs::path rows = folder_ / "rates" / "bound.safetensors";
  const std::string whole = read_file(rows, 1 << 20);
  std::string flipped = whole;
  flipped[flipped.size() - 9] = static_cast<char>(flipped[flipped.size() - 9] ^ 1);
  write_file_whole(rows, flipped);
  expect_refused(evaluate_words({}), "rates", 1, {"bound.safetensors: damaged"});
  write_file_whole(rows, whole);
  expect_done(evaluate_words({}));
}

}  // namespace
}  // namespace ddpm
