// One network in every layout of diffusers' answers bit for bit as in the plain one.

#include <algorithm>

#include "ddpm/base/file.h"
#include "ddpm/diffusers/weights_files.h"
#include "ddpm/formats/npy.h"
#include "ddpm/testing/diffusers_folder.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWhole = "diffusion_pytorch_model.safetensors";

class Layouts : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "20"});
    checkpoint_ = folder_ / "run" / "checkpoints" / "00000020";
    ema_ = read_tensors(checkpoint_ / "unet" / kWhole);
    raw_ = read_tensors(checkpoint_ / "training" / "raw.safetensors");
    NpyArray x{"<f4", {2, 1, 8, 8}, ""};
    for (int i = 0; i < 2 * 64; ++i) {
      const float value = static_cast<float>(i % 37) / 18.0f - 1.0f;
      x.bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    const int64_t times[2] = {0, 19};
    write_file_whole(folder_ / "x.npy", encode_npy(x));
    write_file_whole(folder_ / "t.npy",
                     encode_npy({"<i8", {2}, {reinterpret_cast<const char*>(times), 16}}));
    plain_ = answer("run");
  }

  // The bytes that the network of this folder answers with.
  std::string answer(const std::string& folder, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"predict", "--checkpoint", folder,
                                          "--input", "x.npy",        "--timesteps",
                                          "t.npy",   "--output",     "y.npy"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = ddpm(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << folder << ": " << outcome.err;
    said_ = outcome.out;
    const std::string bytes = outcome.exit_code == 0 ? read_file(folder_ / "y.npy", 1 << 20) : "";
    fs::remove(folder_ / "y.npy");
    return bytes;
  }

  std::string info(const std::string& folder) const {
    const Outcome outcome = ddpm({"info", folder});
    EXPECT_EQ(outcome.exit_code, 0) << folder << ": " << outcome.err;
    return outcome.out;
  }

  // The description of the network and, where it is wanted, of the rest.
  fs::path network(const std::string& folder) const {
    fs::create_directories(folder_ / folder);
    fs::copy_file(checkpoint_ / "unet" / "config.json", folder_ / folder / "config.json");
    return folder_ / folder;
  }
  fs::path pipeline(const std::string& folder) const {
    const fs::path unet = network(folder + "/unet");
    fs::copy_file(checkpoint_ / "model_index.json", folder_ / folder / "model_index.json");
    fs::copy(checkpoint_ / "scheduler", folder_ / folder / "scheduler");
    return unet;
  }

  fs::path checkpoint_;
  StoredTensors ema_;
  StoredTensors raw_;
  std::string plain_;
  std::string said_;  // by the last answer
};

void expect_within(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

TEST_F(Layouts, NestedFlatAndAloneAnswerTheSame) {
  write_tensors(pipeline("nested") / kWhole, ema_);
  EXPECT_EQ(answer("nested"), plain_);
  expect_within(info("nested"), "a pipeline (DDPMPipeline), each part in its folder");

  write_tensors(network("flat") / kWhole, ema_);
  fs::copy_file(checkpoint_ / "model_index.json", folder_ / "flat" / "model_index.json");
  fs::copy_file(checkpoint_ / "scheduler" / "scheduler_config.json",
                folder_ / "flat" / "scheduler_config.json");
  EXPECT_EQ(answer("flat"), plain_);
  expect_within(info("flat"), "all in one folder");

  write_tensors(network("alone") / kWhole, ema_);
  EXPECT_EQ(answer("alone/"), plain_);
  expect_within(said_, "checkpoint alone (weights, ");
  expect_within(info("alone"), "a network alone");
  expect_within(info("alone"), "DDPMScheduler's with nothing said");
}

TEST_F(Layouts, ATrainersFolderHasAveragedAndRawWeights) {
  const std::string raw = answer("run", {"--weights", "raw"});
  ASSERT_NE(raw, plain_);
  write_tensors(network("checkpoint-20/unet") / kWhole, raw_);
  EXPECT_EQ(answer("checkpoint-20"), raw);  // there is nothing else
  write_tensors(network("checkpoint-20/unet_ema") / kWhole, ema_);
  EXPECT_EQ(answer("checkpoint-20"), plain_);
  expect_within(said_, "(unet_ema weights, ");
  EXPECT_EQ(answer("checkpoint-20", {"--weights", "raw"}), raw);
  EXPECT_EQ(answer("checkpoint-20/unet_ema"), plain_);
  EXPECT_EQ(answer("checkpoint-20/unet"), raw);
  expect_within(info("checkpoint-20"), "ema, raw");
}

TEST_F(Layouts, ShardsAnswerTheSame) {
  write_shards(pipeline("shards"), ema_, 3);
  EXPECT_EQ(answer("shards"), plain_);
  expect_within(info("shards"), "3 shards of unet/diffusion_pytorch_model.safetensors.index.json");
  // the index counts, as in diffusers
  write_tensors(folder_ / "shards" / "unet" / kWhole, raw_);
  EXPECT_EQ(answer("shards"), plain_);
}

TEST_F(Layouts, OldNamesAnswerTheSame) {
  const StoredTensors old = with_old_names(ema_);
  ASSERT_EQ(old.count("mid_block.attentions.0.proj_attn.weight"), 1U);
  write_tensors(pipeline("old") / kWhole, old);
  EXPECT_EQ(answer("old"), plain_);
  write_shards(pipeline("old_shards"), old, 4);
  EXPECT_EQ(answer("old_shards"), plain_);
}

TEST_F(Layouts, VariantsAreChosenOrNamed) {
  const fs::path unet = pipeline("variants");
  write_tensors(unet / "diffusion_pytorch_model.raw.safetensors", raw_);
  const std::string raw = answer("run", {"--weights", "raw"});
  EXPECT_EQ(answer("variants"), raw);
  expect_within(said_, "only the weights of the variant raw are there");
  expect_within(info("variants"), "variants there    raw");
  write_tensors(unet / kWhole, ema_);
  EXPECT_EQ(answer("variants"), plain_);
  EXPECT_EQ(answer("variants", {"--variant", "raw"}), raw);
  expect_within(said_, "weights of variant raw");
  write_shards(unet, ema_, 2, "split");
  EXPECT_EQ(answer("variants", {"--variant", "split"}), plain_);
}

// As the weights that the short numbers stand for, written at full length.
TEST_F(Layouts, HalfTheBytesAnswerAsTheRoundedWeights) {
  const auto answer_of = [&](const std::string& name, const StoredTensors& tensors) {
    write_tensors(pipeline(name) / kWhole, tensors);
    return answer(name);
  };
  const std::string half = answer_of(
      "half", converted<uint16_t>(ema_, DType::kF16,
                                  [](float value) { return half_bits(rounded_to_half(value)); }));
  EXPECT_EQ(half, answer_of("rounded", converted<float>(ema_, DType::kF32, rounded_to_half)));
  EXPECT_NE(half, plain_);
  expect_within(info("half"), "dtype             F16");
  const std::string brain =
      answer_of("brain", converted<uint16_t>(ema_, DType::kBF16, bfloat16_bits));
  EXPECT_EQ(brain, answer_of("cut", converted<float>(ema_, DType::kF32, cut_to_bfloat16)));
  EXPECT_NE(brain, plain_);
  expect_within(info("brain"), "dtype             BF16");
}

TEST_F(Layouts, WhatConfigLeavesOutIsToldWithItsDefault) {
  const fs::path unet = pipeline("short");
  write_tensors(unet / kWhole, ema_);
  Json json = parse_json(read_file(unet / "config.json", 1 << 20), "config");
  json.erase("act_fn");
  write_text(unet / "config.json", json_text(json));
  EXPECT_EQ(answer("short"), plain_);
  expect_within(info("short"), "not in config.json act_fn = \"silu\"");
  const fs::path scheduler = folder_ / "short" / "scheduler" / "scheduler_config.json";
  Json process = parse_json(read_file(scheduler, 1 << 20), "scheduler");
  process.erase("clip_sample_range");
  process.erase("steps_offset");
  write_text(scheduler, json_text(process));
  EXPECT_EQ(answer("short"), plain_);
  expect_within(info("short"), "not in the scheduler clip_sample_range = 1.0, steps_offset = 0\n");
}

// Only where python3 has the packages.
TEST_F(Layouts, AConvertedPickleAnswersTheSame) {
  if (run_shell(folder_, "python3 -c 'import torch, safetensors'").exit_code != 0) {
    GTEST_SKIP() << "python3 has no torch and safetensors";
  }
  const std::string tool =
      "python3 " + (fs::path(DDPM_SOURCE_DIR) / "tools" / "convert_pickle.py").string();
  pipeline("pickled");
  const std::string made =
      "import torch; from safetensors.torch import load_file; "
      "w = load_file('run/checkpoints/00000020/unet/diffusion_pytorch_model.safetensors'); "
      "torch.save({'ema': {'w': {'module.' + k: v for k, v in w.items()}, 'n': 3}}, "
      "'nested.ckpt'); "
      "torch.save(w, 'pickled/unet/diffusion_pytorch_model.bin')";
  ASSERT_EQ(run_shell(folder_, "python3 -c \"" + made + "\"").exit_code, 0);

  // the command that the refusal names, but for the place of the tool
  const Outcome refused = ddpm({"info", "pickled"});
  const std::string name = "python3 tools/convert_pickle.py";
  const size_t place = refused.err.find(name);
  ASSERT_NE(place, std::string::npos) << refused.err;
  const std::string command = tool + refused.err.substr(place + name.size());
  EXPECT_EQ(run_shell(folder_, command).exit_code, 0);
  EXPECT_EQ(answer("pickled"), plain_);

  const Outcome again = run_shell(folder_, command);
  EXPECT_EQ(again.exit_code, 1);
  expect_within(again.err, "is there already");
  const std::string out = " nested.ckpt pickled/unet/diffusion_pytorch_model.w.safetensors ";
  EXPECT_EQ(run_shell(folder_, tool + out).exit_code, 1);
  EXPECT_EQ(run_shell(folder_, tool + out + "--key ema.v").exit_code, 1);
  EXPECT_EQ(run_shell(folder_, tool + out + "--key ema.w --strip odule.").exit_code, 1);
  EXPECT_EQ(run_shell(folder_, tool + out + "--key ema.w --strip module.").exit_code, 0);
  EXPECT_EQ(answer("pickled", {"--variant", "w"}), plain_);
}

}  // namespace
}  // namespace ddpm
