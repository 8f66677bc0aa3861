// What is exported is the model that was trained.

#include <nlohmann/json.hpp>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Export : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "40"});
  }

  Outcome exported(const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"export", "--checkpoint", "run", "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = ddpm(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome;
  }

  // The pixels of two images, as the grid of PNG files has them.
  std::string sampled(const std::string& checkpoint, const std::string& out,
                      const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {
        "sample", "--checkpoint", checkpoint, "--out", out,         "--count", "2", "--seed",
        "7",      "--steps",      "12",       "--npz", out + ".npz"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = ddpm(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read_file(folder_ / (out + ".npz"), 1 << 24);
  }
};

TEST_F(Export, SamplesOfAnExportAreThoseOfItsRun) {
  exported("ema");
  exported("raw", {"--weights", "raw"});
  const std::string of_run = sampled("run", "a");
  EXPECT_EQ(sampled("ema", "b"), of_run);
  EXPECT_NE(sampled("raw", "c"), of_run);
  EXPECT_EQ(sampled("raw", "d"), sampled("run", "e", {"--weights", "raw"}));
}

TEST_F(Export, TheFirstLineIsTheFolderAndTheLastSamplesFromIt) {
  const Outcome outcome = exported("out/deep/");
  const auto lines = lines_of(outcome.out);
  EXPECT_EQ(lines.front(), (folder_ / "out/deep").string());
  EXPECT_NE(lines.back().find("sample --checkpoint out/deep/ --out samples"), std::string::npos);
  EXPECT_NE(outcome.out.find("00000040, ema weights, fp32"), std::string::npos) << outcome.out;
  EXPECT_EQ(run_shell(folder_, lines.back().substr(lines.back().find(' ')) + " --count 1 --steps 2")
                .exit_code,
            0);
}

TEST_F(Export, TheSameExportTwiceIsTheSameBytes) {
  exported("a/model");
  exported("b/model");
  for (const char* name :
       {"model_index.json", "unet/config.json", "ddpm.json",
        "unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json"}) {
    EXPECT_EQ(read_file(folder_ / "a/model" / name, 1 << 24),
              read_file(folder_ / "b/model" / name, 1 << 24))
        << name;
  }
}

TEST_F(Export, InfoSaysWhichWeightsAnExportHas) {
  exported("out", {"--weights", "raw", "--dtype", "bf16"});
  const Outcome outcome = ddpm({"info", "out"});
  EXPECT_NE(outcome.out.find("one set, raw, as ddpm.json says"), std::string::npos) << outcome.out;
  const Json origin = parse_json(read_file(folder_ / "out/ddpm.json", 1 << 16), "ddpm.json");
  EXPECT_EQ(origin["step"], 40);
  EXPECT_EQ(origin["dtype"], "bf16");
  EXPECT_NE(ddpm({"info", "run"}).out.find(origin["source_sha256"].get<std::string>()),
            std::string::npos);
}

TEST_F(Export, ASmallShardSizeGivesSeveralFilesAndAnIndex) {
  const Outcome outcome = exported("out", {"--max-shard-size", "50KB"});
  EXPECT_NE(outcome.out.find("diffusion_pytorch_model-00001-of-0000"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "out/unet/diffusion_pytorch_model.safetensors.index.json"));
  const std::string card = read_file(folder_ / "out/README.md", 1 << 20);
  EXPECT_NE(card.find("ddpm export --checkpoint run --out out --max-shard-size 50KB\n"),
            std::string::npos)
      << card;
}

}  // namespace
}  // namespace ddpm
