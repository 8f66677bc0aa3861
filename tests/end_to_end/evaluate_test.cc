// Likelihoods as a user meets them: computed, interrupted, asked for again.

#include <signal.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/png.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kLargest = int64_t{1} << 24;

class Evaluate : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "20"});
  }

  static std::vector<std::string> arguments(const std::string& kind, const std::string& out,
                                            const std::vector<std::string>& more) {
    std::vector<std::string> all = {"evaluate",  kind, "--checkpoint", "run", "--data", "data",
                                    "--threads", "1",  "--out",        out};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  Outcome evaluate(const std::string& kind, const std::string& out,
                   const std::vector<std::string>& more) const {
    const Outcome outcome = ddpm(arguments(kind, out, more));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome;
  }

  std::string bytes(const std::string& name) const { return read_file(folder_ / name, kLargest); }
  Json json(const std::string& name) const { return parse_json(bytes(name), name); }
  double bits(const std::string& out) const {
    return json(out + "/bpd.json")["result"]["total"]["bits"].get<double>();
  }
};

TEST_F(Evaluate, BpdWritesTheBoundTermByTermAndSuggestsWhatRuns) {
  const Outcome outcome = evaluate("bpd", "out", {"--images", "3", "--draws", "2"});
  const auto lines = lines_of(outcome.out);
  EXPECT_EQ(lines.front(), (folder_ / "out").string());
  EXPECT_NE(outcome.out.find("protocol: "), std::string::npos);
  EXPECT_NE(
      outcome.out.find("images 0 .. 2 of data, seed 0, 2 draws of x_t, 20 steps, x_0 clipped"),
      std::string::npos)
      << outcome.out;
  const auto rows = lines_of(bytes("out/bound.csv"));
  ASSERT_EQ(rows.size(), 21U) << "T is 20";
  EXPECT_EQ(rows[1].rfind("20,19,1,", 0), 0U);
  EXPECT_EQ(rows[20].rfind("1,0,1,", 0), 0U);
  const Json result = json("out/bpd.json")["result"];
  EXPECT_EQ(result["parts"], 21);
  double sum = result["prior"]["bits"].get<double>();
  for (size_t i = 1; i < rows.size(); ++i) sum += parse_double(split(rows[i], ',')[3]).value();
  EXPECT_NEAR(result["total"]["bits"].get<double>(), sum, 1e-9);
  EXPECT_TRUE(is_png(as_bytes(bytes("out/bpd.png"))));

  const std::string last = lines.back();
  ASSERT_EQ(last.rfind("next: ", 0), 0U);
  const Outcome next = run_shell(folder_, last.substr(6));
  EXPECT_EQ(next.exit_code, 0) << next.err;
  EXPECT_EQ(next.out.find("terms/s"), std::string::npos) << "nothing is evaluated again";
  for (const char* name : {"rate_distortion.png", "progressive.png"}) {
    EXPECT_TRUE(is_png(as_bytes(bytes(std::string("out/") + name))));
  }
  EXPECT_EQ(json("out/rate_distortion.json")["rows"].size(), 10U);
  const Outcome back = run_shell(folder_, lines_of(next.out).back().substr(6));
  EXPECT_EQ(back.exit_code, 0) << back.err;
}

TEST_F(Evaluate, AnImagesTermsDependOnNoOtherImageAndNoBatch) {
  evaluate("bpd", "many", {"--images", "4", "--batch-size", "7"});
  evaluate("bpd", "last", {"--images", "1", "--first-image", "3", "--batch-size", "64"});
  evaluate("bpd", "first", {"--images", "3", "--batch-size", "1"});
  // LibTorch's sums differ by the batch in their last digits
  EXPECT_NEAR(bits("many"), (3.0 * bits("first") + bits("last")) / 4.0, 1e-5 * bits("many"));
  evaluate("bpd", "seed", {"--images", "4", "--batch-size", "7", "--seed", "1"});
  EXPECT_NE(bits("seed"), bits("many"));
}

const std::vector<std::string> kLong = {"--images", "24", "--draws", "20", "--save-every", "0"};

TEST_F(Evaluate, AfterKillMinusNineTheFilesAreThoseOfAnUndisturbedRun) {
  evaluate("bpd", "whole", kLong);
  const fs::path terms = folder_ / "killed" / "bound.safetensors";
  const fs::path bell = folder_ / "bell";
  std::thread ringer([&terms, &bell] {
    while (!fs::exists(terms) || fs::file_size(terms) < 20'000) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    write_file_whole(bell, "");
  });
  const Outcome killed = run_ddpm_until(folder_, arguments("bpd", "killed", kLong), bell, SIGKILL);
  ringer.join();
  ASSERT_EQ(killed.exit_code, 128 + SIGKILL) << killed.out;
  EXPECT_FALSE(fs::exists(folder_ / "killed" / "bpd.json"));
  const Outcome resumed = evaluate("bpd", "killed", kLong);
  for (const char* name : {"bound.safetensors", "bound.csv", "bpd.json", "bpd.png"}) {
    EXPECT_EQ(bytes(std::string("killed/") + name), bytes(std::string("whole/") + name)) << name;
  }
}

TEST_F(Evaluate, AfterSigtermTheSuggestedCommandGoesOn) {
  const std::vector<std::string> longer = {"--images", "24", "--draws", "200"};
  const fs::path terms = folder_ / "stopped" / "bound.safetensors";
  const Outcome stopped =
      run_ddpm_until(folder_, arguments("bpd", "stopped", longer), terms, SIGTERM);
  ASSERT_EQ(stopped.exit_code, 128 + SIGTERM) << stopped.out << stopped.err;
  EXPECT_EQ(stopped.err, "");
  const std::string last = lines_of(stopped.out).back();
  EXPECT_NE(last.find("evaluate bpd"), std::string::npos) << last;
  EXPECT_NE(last.find("--draws 200"), std::string::npos) << last;
}

TEST_F(Evaluate, TheFlowStandsBesideTheBoundAndGoesOnAsWell) {
  const std::vector<std::string> few = {"--images", "3", "--draws", "2"};
  evaluate("bpd", "out", few);
  const Outcome outcome = evaluate("ode", "out", few);
  EXPECT_NE(outcome.out.find("bound of evaluate bpd"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("20 angle steps and in half as many"), std::string::npos);
  const Json report = json("out/ode.json");
  EXPECT_TRUE(report["result"]["noise_error"].is_number());
  const auto rows = lines_of(bytes("out/ode.csv"));
  ASSERT_EQ(rows.size(), 7U);
  double sum = 0.0;
  for (size_t i = 1; i < 7; ++i) sum += parse_double(split(rows[i], ',')[2]).value() / 6.0;
  EXPECT_NEAR(report["result"]["bits"].get<double>(), sum, 1e-9);
  // densities made one by one are those made together, but for LibTorch's sums
  evaluate("ode", "single", {"--images", "3", "--draws", "2", "--batch-size", "1"});
  EXPECT_NEAR(json("single/ode.json")["result"]["bits"].get<double>(), sum, 1e-4 * std::abs(sum));
  const Outcome other = evaluate("bpd", "other", {"--images", "2"});
  fs::copy(folder_ / "other" / "bpd.json", folder_ / "single" / "bpd.json");
  const Outcome beside =
      evaluate("ode", "single", {"--images", "3", "--draws", "2", "--batch-size", "1"});
  EXPECT_NE(beside.out.find("differs in its images"), std::string::npos) << beside.out;
  const std::vector<std::string> longer = {"--images", "24", "--draws", "40"};
  const fs::path file = folder_ / "stopped" / "flow.safetensors";
  const Outcome stopped =
      run_ddpm_until(folder_, arguments("ode", "stopped", longer), file, SIGTERM);
  ASSERT_EQ(stopped.exit_code, 128 + SIGTERM) << stopped.out << stopped.err;
  EXPECT_NE(lines_of(stopped.out).back().find("evaluate ode"), std::string::npos);
}

TEST_F(Evaluate, ShorterChainsAndSampledTimesSayWhatTheyAre) {
  const Outcome chain = evaluate("bpd", "chain", {"--images", "2", "--times", "respaced:5"});
  EXPECT_NE(chain.out.find("a model of its own"), std::string::npos);
  EXPECT_EQ(lines_of(bytes("chain/bound.csv")).size(), 6U);
  const Outcome sampled = evaluate("bpd", "sampled", {"--images", "2", "--times", "sampled:6"});
  EXPECT_NE(sampled.out.find("6 of 20 steps, drawn in strata"), std::string::npos);
  const Outcome again = run_shell(folder_, lines_of(sampled.out).back().substr(6));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  const Outcome picture = evaluate("rate-distortion", "chain",
                                   {"--images", "2", "--times", "respaced:5", "--show-x-t"});
  const Outcome back = run_shell(folder_, lines_of(picture.out).back().substr(6));
  EXPECT_EQ(back.exit_code, 0) << back.err;
}

}  // namespace
}  // namespace ddpm
