// What was trained here goes to programs that run ONNX.

#include <algorithm>

#include "ddpm/base/file.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class ExportOnnx : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "20"});
  }

  std::string exported(const std::string& out, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"export", "--checkpoint", "run", "--out",
                                          out,      "--format",     "onnx"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = ddpm(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(lines_of(outcome.out).at(0), (folder_ / out).string());
    EXPECT_NE(outcome.out.find("next: "), std::string::npos) << outcome.out;
    return read_file(folder_ / out, 1 << 24);
  }
  static bool has(const std::string& bytes, const std::string& word) {
    return bytes.find(word) != std::string::npos;
  }
};

TEST_F(ExportOnnx, AnOnnxFileHasTheWeightsAskedForAndSaysSo) {
  const fs::path checkpoint = folder_ / "run" / "checkpoints" / "00000020";
  const auto conv_in = [](const std::string& safetensors) {  // conv_in.bias is the first tensor
    const std::string name = "\"conv_in.bias\":{\"data_offsets\":[0,";
    const size_t found = safetensors.find(name);
    EXPECT_NE(found, std::string::npos);
    const size_t bytes = std::stoul(safetensors.substr(found + name.size()));
    uint64_t header = 0;
    std::copy_n(safetensors.data(), sizeof(header), reinterpret_cast<char*>(&header));
    return safetensors.substr(sizeof(header) + header, bytes);
  };
  const std::string ema =
      conv_in(read_file(checkpoint / "unet/diffusion_pytorch_model.safetensors", 1 << 24));
  const std::string raw = conv_in(read_file(checkpoint / "training/raw.safetensors", 1 << 24));
  ASSERT_NE(ema, raw);

  const std::string averaged = exported("a.onnx", {});
  EXPECT_TRUE(has(averaged, ema) && !has(averaged, raw));
  const std::string bare = exported("deep/r.onnx", {"--weights", "raw"});
  EXPECT_TRUE(has(bare, raw) && !has(bare, ema));
  for (const char* word : {"prediction", "eps", "DDPMScheduler", "out_sample", "linear, T = "}) {
    EXPECT_TRUE(has(averaged, word)) << word;
  }
  EXPECT_EQ(exported("again.onnx", {}), averaged);
}

TEST_F(ExportOnnx, TheWeightsLieBesideWhereThatIsAskedFor) {
  exported("all.onnx", {});
  const std::string model = exported("m.onnx", {"--external-data"});
  EXPECT_TRUE(has(model, "m.onnx.data"));
  EXPECT_LT(fs::file_size(folder_ / "m.onnx"), fs::file_size(folder_ / "all.onnx") / 2);
  EXPECT_GT(fs::file_size(folder_ / "m.onnx.data"), fs::file_size(folder_ / "all.onnx") / 2);
}

TEST_F(ExportOnnx, AFolderOfDiffusersAloneHasOneSetOfWeights) {
  fs::create_directories(folder_ / "plain");
  for (const char* part : {"model_index.json", "unet", "scheduler"}) {
    fs::copy(folder_ / "run" / "checkpoints" / "00000020" / part, folder_ / "plain" / part,
             fs::copy_options::recursive);
  }
  const Outcome outcome =
      ddpm({"export", "--checkpoint", "plain", "--out", "p.onnx", "--format", "onnx"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(has(read_file(folder_ / "p.onnx", 1 << 24), "the one set of its folder"));
  // another program's scheduler is told as its file has it
  for (const char* name : {"plain/model_index.json", "plain/scheduler/scheduler_config.json"}) {
    std::string text = read_file(folder_ / name, 1 << 16);
    text.replace(text.find("DDPMScheduler"), 13, "DDIMScheduler");
    write_file_whole(folder_ / name, text);
  }
  ASSERT_EQ(ddpm({"export", "--checkpoint", "plain", "--out", "d.onnx", "--format", "onnx"}).err,
            "");
  const std::string ddim = read_file(folder_ / "d.onnx", 1 << 24);
  EXPECT_TRUE(has(ddim, "DDIMScheduler") && !has(ddim, "DDPMScheduler"));
  const Outcome raw = ddpm({"export", "--checkpoint", "plain", "--out", "r.onnx", "--weights",
                            "raw", "--format", "onnx"});
  EXPECT_EQ(raw.exit_code, 2) << raw.err;
  EXPECT_NE(raw.err.find("export:"), std::string::npos) << raw.err;
  EXPECT_FALSE(fs::exists(folder_ / "r.onnx"));
}

}  // namespace
}  // namespace ddpm
