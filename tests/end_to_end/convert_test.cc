// `ddpm convert` as a person meets it.

#include "ddpm/base/file.h"
#include "ddpm/testing/toy_networks.h"
#include "program.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

using Conversion = EndToEnd;

bool has_line(const Outcome& outcome, const std::string& key, const std::string& part) {
  for (const std::string& line : lines_of(outcome.out)) {
    if (line.rfind(key, 0) == 0 && line.find(part) != std::string::npos) return true;
  }
  return false;
}

TEST_F(Conversion, AStateDictionaryBecomesACheckpointThatInfoReads) {
  const ToyNetwork toy = toy_openai({.multipliers = {1, 2}, .blocks = 2});
  write_file_whole(folder_ / "theirs.safetensors", toy_file(toy.shapes, toy_tensors(toy.shapes)));
  const Outcome made =
      ddpm({"convert", "--from", "improved-diffusion", "--weights", "theirs.safetensors", "--out",
            "new/toy", "--image-size", "16", "--schedule", "cosine", "--T", "40"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(made.err, "");
  EXPECT_EQ(lines_of(made.out).front(), (folder_ / "new/toy").string());
  EXPECT_TRUE(has_line(made, "found", "improved-diffusion")) << made.out;
  EXPECT_TRUE(has_line(made, "assumed", "4 heads (--heads)")) << made.out;
  EXPECT_TRUE(has_line(made, "assumed", "n * 1000 / 40 (--no-rescale-timesteps)")) << made.out;
  EXPECT_FALSE(has_line(made, "assumed", "--schedule")) << made.out;

  const std::string last = lines_of(made.out).back();
  ASSERT_EQ(last.rfind("next: ", 0), 0U);
  const Outcome info = run_shell(folder_, last.substr(6));
  EXPECT_EQ(info.exit_code, 0) << info.err;
  EXPECT_TRUE(has_line(info, "images", "16x16, 3 channels")) << info.out;
  EXPECT_TRUE(has_line(info, "network", "2 blocks a level; attention at 8, the middle"));
  EXPECT_TRUE(has_line(info, "unlike the paper", "heads of 16 channels")) << info.out;
  EXPECT_TRUE(has_line(info, "unlike the paper", "a table of 40 times")) << info.out;
  EXPECT_TRUE(has_line(info, "schedule", "cosine, T = 40"));
  EXPECT_TRUE(has_line(info, "variance", "learned_range"));
}

TEST_F(Conversion, TheAverageOfATrainingCheckpointIsTakenAndTheRestIsLeft) {
  const ToyNetwork toy = toy_ddpm_torch({.attended = {1}});
  Shapes shapes;
  ToyTensors tensors;
  const ToyTensors values = toy_tensors(toy.shapes);
  for (const auto& [name, shape] : toy.shapes) {
    for (const char* prefix : {"model.module.", "ema.shadow.module."}) {
      shapes[prefix + name] = shape;
      tensors[prefix + name] = values.at(name);
    }
  }
  write_file_whole(folder_ / "theirs.safetensors", toy_file(shapes, tensors));
  const Outcome made = ddpm({"convert", "--from", "ddpm-torch", "--weights", "theirs.safetensors",
                             "--out", "toy", "--schedule", "quadratic"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_TRUE(has_line(made, "found", "ema.shadow.module.*")) << made.out;
  EXPECT_TRUE(has_line(made, "left", concat(toy.shapes.size(), " tensors"))) << made.out;
  EXPECT_TRUE(has_line(made, "assumed", "images of 32x32 pixels (--image-size)")) << made.out;
  const Outcome info = ddpm({"info", "toy"});
  EXPECT_TRUE(has_line(info, "schedule", "quadratic, T = 1000, beta from "));
  EXPECT_FALSE(has_line(info, "unlike the paper", "")) << info.out;
}

}  // namespace
}  // namespace ddpm
