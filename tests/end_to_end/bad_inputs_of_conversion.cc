#include "bad_inputs.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/toy_networks.h"

namespace ddpm {

namespace {

std::vector<std::string> convert_with(const std::string& from, const std::string& weights,
                                      const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"convert", "--from", from,           "--weights", weights,
                                        "--out",   "new",    "--image-size", "16"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

constexpr const char* kOpenai = "openai.safetensors";
constexpr const char* kTorch = "ddpm-torch.safetensors";

}  // namespace

void write_weights_to_convert(const std::filesystem::path& folder) {
  const auto write = [&](const std::string& name, const ToyNetwork& toy) {
    write_file_whole(folder / name, toy_file(toy.shapes, toy_tensors(toy.shapes)));
  };
  const ToyOptions small{.multipliers = {1}, .attended = {}};
  write(kOpenai, toy_openai(small));
  write(kTorch, toy_ddpm_torch(small));
  write("blocks.safetensors", toy_openai({.in_block = true}));
  write("widths.safetensors", toy_openai({.attended = {0, 1}}));
  ToyNetwork upsampler = toy_openai(small);
  upsampler.shapes["input_blocks.0.0.weight"] = {32, 6, 3, 3};
  write("upsampler.safetensors", upsampler);
  ToyNetwork more = toy_openai(small);
  more.shapes["extra"] = {1};
  more.shapes.erase("out.0.bias");
  write("more.safetensors", more);
  ToyNetwork shuffled = toy_ddpm_torch(small);
  shuffled.shapes["in_conv.weight"] = {32, 12, 3, 3};
  write("shuffled.safetensors", shuffled);
  ToyNetwork nan = toy_openai(small);
  ToyTensors numbers = toy_tensors(nan.shapes);
  numbers["out.0.bias"][0] = NAN;
  write_file_whole(folder / "nan.safetensors", toy_file(nan.shapes, numbers));
  ToyNetwork other;
  other.shapes = {{"init_conv.weight", {8, 3, 7, 7}}, {"time_mlp.1.weight", {8, 8}}};
  write("lucidrains.safetensors", other);
  ToyNetwork ours;
  ours.shapes = {{"conv_in.weight", {1}}, {"time_embedding.linear_1.weight", {1}}};
  write("ours.safetensors", ours);
  ToyNetwork unknown;
  unknown.shapes = {{"fc.weight", {1}}};
  write("unknown.safetensors", unknown);
}

const std::vector<BadInput>& bad_inputs_of_conversion() {
  static const std::vector<BadInput> inputs = {
      {"ConvertWithoutFrom", {"convert", "--weights", kOpenai, "--out", "new"}, 2, {"--from"}},
      {"ConvertWithoutWeights",
       {"convert", "--from", "ddpm-torch", "--out", "new"},
       2,
       {"--weights"}},
      {"ConvertWithoutOut", {"convert", "--from", "ddpm-torch", "--weights", kTorch}, 2, {"--out"}},
      {"ConvertFromUnknown",
       convert_with("improved_diffusion", kOpenai),
       2,
       {"--from", "did you mean 'improved-diffusion'?"}},
      {"ConvertUnknownFlag", convert_with("ddpm-torch", kTorch, {"--head", "2"}), 2, {"'--heads'"}},
      {"ConvertNothing", convert_with("ddpm-torch", "nowhere.safetensors"), 1, {"nowhere"}},
      {"ConvertAPickle",
       convert_with("ddpm-torch", "old.pt"),
       1,
       {"old.pt", "pickle", "convert_pickle.py"}},
      {"ConvertAnotherFile", convert_with("ddpm-torch", "x.npy"), 1, {"x.npy"}},
      {"ConvertIntoAFolder",
       {"convert", "--from", "ddpm-torch", "--weights", kTorch, "--out", "data"},
       2,
       {"--out", "data: expected a folder that is new or empty"}},
      {"ConvertBelowAFile",
       {"convert", "--from", "ddpm-torch", "--weights", kTorch, "--out", "x.npy/new"},
       2,
       {"--out", "got a regular file"}},
      {"ConvertNamesOfAnother",
       convert_with("improved-diffusion", kTorch),
       2,
       {kTorch, "--from ddpm-torch"}},
      {"ConvertNamesOfOpenai", convert_with("ddpm-torch", kOpenai), 2, {"--from openai-guided"}},
      {"ConvertOurs", convert_with("ddpm-torch", "ours.safetensors"), 2, {"need no conversion"}},
      {"ConvertNobodys",
       convert_with("openai-guided", "unknown.safetensors"),
       1,
       {"not a state dictionary of openai-guided", "time_embed.0.weight", "1 tensor"}},
      {"ConvertLucidrains",
       convert_with("lucidrains", "lucidrains.safetensors"),
       1,
       {"init_conv is 7x7"}},
      {"ConvertAnUpsampler",
       convert_with("improved-diffusion", "upsampler.safetensors"),
       1,
       {"super-resolution"}},
      {"ConvertShuffledPixels",
       convert_with("ddpm-torch", "shuffled.safetensors"),
       1,
       {"block_size"}},
      {"ConvertResamplingBlocks",
       convert_with("improved-diffusion", "blocks.safetensors"),
       2,
       {"--from openai-guided"}},
      {"ConvertOtherTensors",
       convert_with("openai-guided", "more.safetensors"),
       1,
       {"2 differences", "no out.0.bias", "left over"}},
      {"ConvertNaN",
       convert_with("openai-guided", "nan.safetensors"),
       1,
       {"out.0.bias", "not finite"}},
      {"ConvertHeadsOfTwoWidths",
       convert_with("improved-diffusion", "widths.safetensors"),
       2,
       {"--heads 4", "32 and 64"}},
      {"ConvertHeadsThatDoNotDivide",
       convert_with("improved-diffusion", kOpenai, {"--heads", "5"}),
       2,
       {"--heads", "32", "5"}},
      {"ConvertHeadsZero",
       convert_with("improved-diffusion", kOpenai, {"--heads", "0"}),
       2,
       {"--heads", "'0'"}},
      {"ConvertHeadsOfDdpmTorch",
       convert_with("ddpm-torch", kTorch, {"--heads", "2"}),
       2,
       {"--heads", "one head"}},
      {"ConvertUnknownOrder",
       convert_with("openai-guided", kOpenai, {"--attention-order", "old"}),
       2,
       {"--attention-order", "legacy", "'old'"}},
      {"ConvertUnknownSchedule",
       convert_with("ddpm-torch", kTorch, {"--schedule", "cosin"}),
       2,
       {"cosine"}},
      {"ConvertUnscaledSchedule",
       convert_with("improved-diffusion", kOpenai, {"--schedule", "linear", "--T", "4000"}),
       2,
       {"linear_scaled"}},
      {"ConvertEndsWithoutSchedule",
       convert_with("ddpm-torch", kTorch, {"--beta-T", "0.01"}),
       2,
       {"--beta-T", "--schedule"}},
      {"ConvertBetasWithoutList",
       convert_with("ddpm-torch", kTorch, {"--schedule", "cosine", "--betas", "0.1,0.2"}),
       2,
       {"--betas", "cosine"}},
      {"ConvertTooFewSteps",
       convert_with("improved-diffusion", kOpenai, {"--T", "10"}),
       2,
       {"beta"}},
      {"ConvertLearnedVariance",
       convert_with("ddpm-torch", kTorch, {"--variance", "learned"}),
       2,
       {"--variance", "3 output"}},
      {"ConvertUnknownPrediction",
       convert_with("ddpm-torch", kTorch, {"--prediction", "noise"}),
       2,
       {"eps", "noise"}},
      {"ConvertDropoutOfOne",
       convert_with("ddpm-torch", kTorch, {"--dropout", "1"}),
       2,
       {"--dropout", "[0, 1)"}},
      {"ConvertSizeThatDoesNotHalve",
       {"convert", "--from", "openai-guided", "--weights", "blocks.safetensors", "--out", "new",
        "--image-size", "15"},
       2,
       {"15x15"}},
      {"ConvertSizeUnknown",
       {"convert", "--from", "openai-guided", "--weights", kOpenai, "--out", "new"},
       2,
       {"--image-size is required"}},
  };
  return inputs;
}

}  // namespace ddpm
