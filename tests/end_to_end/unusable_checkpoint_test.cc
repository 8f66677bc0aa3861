// A newest checkpoint that cannot be used is an error, and nobody takes an older one in silence.

#include <map>
#include <nlohmann/json.hpp>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/sha256.h"
#include "ddpm/formats/npy.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

class UnusableCheckpoint : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "20", "--save-every", "10", "--keep-last", "0"});
    const int64_t time = 3;
    write_file_whole(folder_ / "x.npy",
                     encode_npy({"<f4", {1, 1, 8, 8}, std::string(64 * sizeof(float), '\0')}));
    write_file_whole(folder_ / "t.npy",
                     encode_npy({"<i8", {1}, {reinterpret_cast<const char*>(&time), 8}}));
  }

  fs::path newest() const { return folder_ / "run" / "checkpoints" / "00000020"; }

  void make_newer(const char* file) const {
    Json json = parse_json(read_file(newest() / file, 1 << 20), file);
    json["version"] = json["version"].get<int64_t>() + 1;
    write_file_whole(newest() / file, json_text(json));
  }

  // Every command that takes a checkpoint.
  static std::vector<Words> commands() {
    return {{"sample", "--checkpoint", "run", "--out", "new"},
            {"predict", "--checkpoint", "run", "--input", "x.npy", "--timesteps", "t.npy",
             "--output", "new"},
            {"evaluate", "bpd", "--checkpoint", "run", "--data", "data", "--out", "new"},
            {"evaluate", "ode", "--checkpoint", "run", "--data", "data", "--out", "new"},
            {"denoise", "--checkpoint", "run", "--out", "new"},
            {"progressive", "--checkpoint", "run", "--out", "new"},
            {"family", "--checkpoint", "run", "--out", "new"},
            {"reconstruct", "--checkpoint", "run", "--data", "data", "--out", "new"},
            {"export", "--checkpoint", "run", "--out", "new"},
            {"export", "--format", "onnx", "--checkpoint", "run", "--out", "new"},
            {"schedule", "--checkpoint", "run", "--csv", "new"},
            {"train", "--preset", "tiny", "--data", "data", "--out", "new", "--init-from", "run"},
            {"plan", "--preset", "tiny", "--data", "data", "--init-from", "run"}};
  }

  void expect_refused_by_all(const std::string& reason) const {
    for (const Words& words : commands()) {
      const Outcome outcome = ddpm(words);
      EXPECT_EQ(outcome.exit_code, 1) << words[0] << outcome.out << outcome.err;
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
      for (const std::string& part : {reason, std::string("run/checkpoints/00000020"),
                                      std::string("run/checkpoints/00000010 takes the newest")}) {
        EXPECT_NE(outcome.err.find(part), std::string::npos) << words[0] << ": " << outcome.err;
      }
      EXPECT_FALSE(fs::exists(folder_ / "new")) << words[0];
    }
  }
};

TEST_F(UnusableCheckpoint, IsRefusedByEveryCommandAndShownByInfo) {
  const fs::path raw = newest() / "training" / "raw.safetensors";
  const std::string whole = read_file(raw, 1 << 24);
  write_file_whole(raw, whole.substr(0, whole.size() / 2));
  expect_refused_by_all("is damaged: ");
  const Outcome info = ddpm({"info", "run"});
  EXPECT_EQ(info.exit_code, 0) << info.err;
  EXPECT_NE(info.out.find("00000020 is damaged: "), std::string::npos) << info.out;

  fs::remove(raw);
  fs::create_symlink("raw.safetensors", raw);  // which the system refuses to open
  expect_refused_by_all("is unreadable: ");
  fs::remove(raw);
  write_file_whole(raw, whole);
  make_newer("manifest.json");
  expect_refused_by_all("written by a newer version of ddpm; expected version 1, got 2");
  const Outcome explicitly = ddpm({"sample", "--checkpoint", "run/checkpoints/00000010", "--out",
                                   "old", "--count", "1", "--steps", "2"});
  EXPECT_EQ(explicitly.exit_code, 0) << explicitly.err;
}

TEST_F(UnusableCheckpoint, OfANewerVersionEndsAResumeWithoutAnyChange) {
  for (const char* file : {"manifest.json", "training/state.json"}) {
    const std::string before = read_file(newest() / file, 1 << 20);
    make_newer(file);
    if (std::string(file) != "manifest.json") {  // whose sums shall hold
      Json manifest = parse_json(read_file(newest() / "manifest.json", 1 << 20), file);
      const std::string text = read_file(newest() / file, 1 << 20);
      manifest["files"][file] = {{"bytes", text.size()}, {"sha256", sha256_hex(as_bytes(text))}};
      write_file_whole(newest() / "manifest.json", json_text(manifest));
    }
    const auto weights = weights_below(folder_ / "run");
    const std::string newer = read_file(newest() / file, 1 << 20);
    const std::string log = read_file(folder_ / "run" / "metrics.jsonl", 1 << 20);
    const Outcome outcome = ddpm({"train", "--resume", "run", "--steps", "30"});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
    EXPECT_NE(outcome.err.find("newer version of ddpm"), std::string::npos) << outcome.err;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_EQ(read_file(newest() / file, 1 << 20), newer);
    EXPECT_EQ(weights_below(folder_ / "run"), weights);
    EXPECT_EQ(read_file(folder_ / "run" / "metrics.jsonl", 1 << 20), log);
    write_file_whole(newest() / file, before);
  }
}

TEST_F(UnusableCheckpoint, IsNamedByTheResumeThatGoesOnWithoutItAndInTheLog) {
  fs::resize_file(newest() / "training" / "raw.safetensors", 100);
  const Outcome outcome = ddpm({"train", "--resume", "run"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("00000020 is damaged: "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("resumed at step 10"), std::string::npos) << outcome.out;
  bool logged = false;
  for (const std::string& text : lines_of(read_file(folder_ / "run/metrics.jsonl", 1 << 20))) {
    const Json line = parse_json(text, "log");
    if (!line.contains("passed_over")) continue;
    logged = true;
    EXPECT_EQ(line["kind"], "resume");
    EXPECT_NE(line["passed_over"][0].get<std::string>().find("00000020 is damaged"),
              std::string::npos);
  }
  EXPECT_TRUE(logged);
}

TEST_F(UnusableCheckpoint, NoRunGoesOnWithAConfigurationThatWasEdited) {
  const fs::path path = folder_ / "run" / "config.json";
  const std::string before = read_file(path, 1 << 20);
  const std::map<std::string, Json> edits = {
      {"learning_rate", 0.01}, {"seed", 7}, {"batch_size", 2}, {"ema_decay", 0.5}};
  for (const auto& [key, value] : edits) {
    Json json = parse_json(before, "config.json");
    json[key] = value;
    write_file_whole(path, json_text(json));
    const auto weights = weights_below(folder_ / "run");
    const Outcome outcome = ddpm({"train", "--resume", "run", "--steps", "30"});
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out << outcome.err;
    EXPECT_NE(outcome.err.find(key + ": expected "), std::string::npos) << outcome.err;
    EXPECT_EQ(weights_below(folder_ / "run"), weights);
  }
  write_file_whole(path, before);
  EXPECT_EQ(ddpm({"train", "--resume", "run", "--steps", "30"}).exit_code, 0);
}

}  // namespace
}  // namespace ddpm
