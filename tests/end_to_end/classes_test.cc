// Networks with classes and with learned times, as another program may have trained them.

#include <nlohmann/json.hpp>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/formats/npy.h"
#include "ddpm/formats/png.h"
#include "ddpm/formats/safetensors.h"
#include "ddpm/random/stream.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxBytes = 1 << 24;
constexpr const char* kConfig = "unet/config.json";
constexpr const char* kWeights = "unet/diffusion_pytorch_model.safetensors";

class Classes : public EndToEnd {
 protected:
  void SetUp() override {
    EndToEnd::SetUp();
    train_tiny("run", {"--steps", "20"});
    write_with_table("labelled", "class_embedding.weight", 10, 4, {{"num_class_embeds", 10}});
    for (const auto& [model, times] : {std::pair("timed", 20), std::pair("short", 19)}) {
      write_with_table(model, "time_proj.weight", times, 1,
                       {{"time_embedding_type", "learned"}, {"num_train_timesteps", times}});
    }
  }

  // The run's network with one more tensor, a random table of `rows` by `widths` times as many
  // channels as its top level has, and these fields in its configuration.
  void write_with_table(const std::string& model, const std::string& tensor, int64_t rows,
                        int64_t widths, const Json& fields) const {
    const fs::path from = folder_ / "run" / "checkpoints" / "00000020";
    const fs::path to = folder_ / model;
    fs::create_directories(to / "unet");
    fs::copy(from / "model_index.json", to / "model_index.json");
    fs::copy(from / "scheduler", to / "scheduler", fs::copy_options::recursive);
    Json config = parse_json(read_file(from / kConfig, kMaxBytes), "config");
    const int64_t channels = widths * config["block_out_channels"][0].get<int64_t>();
    config.update(fields);
    write_file_whole(to / kConfig, json_text(config));
    const SafetensorsFile file(from / kWeights);
    std::vector<TensorToWrite> tensors;
    std::map<std::string, std::string> bytes;
    for (const auto& [name, place] : file.tensors()) {
      bytes[name] = file.bytes(name);
      tensors.push_back({name, place.dtype, place.shape, as_bytes(bytes[name])});
    }
    std::vector<float> table(static_cast<size_t>(rows * channels));
    fill_normal({1, Purpose::kTest, 0}, table);
    for (float& value : table) value *= 10.0F;
    tensors.push_back(
        {tensor, DType::kF32, {rows, channels}, std::as_bytes(std::span<const float>(table))});
    write_file_whole(to / kWeights, encode_safetensors(tensors));
  }

  Outcome sample(const std::string& model, const std::string& out,
                 const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"sample", "--checkpoint", model, "--out", out, "--count",
                                          "1",      "--steps",      "3"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ddpm(arguments);
  }

  // What `more` is answered with.
  void expect_error(const std::vector<std::string>& arguments, const std::string& line) const {
    const Outcome outcome = ddpm(arguments);
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_EQ(outcome.err, line + "\n");
  }
};

TEST_F(Classes, TheClassIsAskedForSaidAndSuggested) {
  const Outcome made = sample("labelled", "three", {"--class", "3"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_NE(made.out.find(", class 3)"), std::string::npos) << made.out;
  EXPECT_NE(lines_of(made.out).back().find(" --class 3 "), std::string::npos) << made.out;
  const std::string bytes = read_file(folder_ / "three" / "000000.png", kMaxBytes);
  EXPECT_EQ(read_png_text(as_bytes(bytes), "three").at("class"), "3");
  ASSERT_EQ(sample("labelled", "four", {"--class", "4"}).exit_code, 0);
  const std::string other = read_file(folder_ / "four" / "000000.png", kMaxBytes);
  EXPECT_NE(decode_png(as_bytes(bytes), "three").samples,
            decode_png(as_bytes(other), "four").samples);
}

TEST_F(Classes, EveryCommandWithAModelTakesTheClass) {
  const std::vector<std::string> of = {"--checkpoint", "labelled", "--class", "3"};
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"denoise", "--out", "d.png", "--steps", "3", "--images", "1", "--columns", "2"},
           {"evaluate", "bpd", "--data", "data", "--out", "bpd", "--images", "2"},
           {"evaluate", "ode", "--data", "data", "--out", "ode", "--images", "1", "--steps",
            "2"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), of.begin(), of.end());
    const Outcome outcome = ddpm(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << command[0] << ": " << outcome.err;
    EXPECT_NE(outcome.out.find("class 3"), std::string::npos) << outcome.out;
  }
}

TEST_F(Classes, AClassIsAskedForJustWhereThereAreClasses) {
  const auto with = [](const char* model, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"sample", "--checkpoint", model, "--out", "new"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  expect_error(with("labelled", {}),
               "sample: --class: wanted 0 to 9, the network's classes, got none");
  expect_error(with("labelled", {"--class", "10"}),
               "sample: --class: wanted 0 to 9, the network's classes, got 10");
  expect_error(with("labelled", {"--class", "-1"}),
               "sample: --class must be a whole number of at least 0, got '-1'");
  expect_error(with("run", {"--class", "0"}), "sample: --class: the network has no classes, got 0");
  EXPECT_FALSE(fs::exists(folder_ / "new"));
}

TEST_F(Classes, ATableOfTimesShorterThanTheScheduleIsRefused) {
  const Outcome whole = sample("timed", "whole", {});
  EXPECT_EQ(whole.exit_code, 0) << whole.err;
  const Outcome outcome = sample("short", "new", {});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_NE(outcome.err.find("the network has learned 19 times, wanted those of its schedule, 20"),
            std::string::npos)
      << outcome.err;
}

}  // namespace
}  // namespace ddpm
