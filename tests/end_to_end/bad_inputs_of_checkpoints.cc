// Folders of diffusers' that are damaged, hostile or of something else, each spoiled in one way.

#include <cstring>
#include <functional>
#include <limits>

#include "bad_inputs.h"
#include "ddpm/diffusers/weights_files.h"
#include "ddpm/testing/diffusers_folder.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr const char* kIndex = "unet/diffusion_pytorch_model.safetensors.index.json";
constexpr const char* kSecondShard = "unet/diffusion_pytorch_model-00002-of-00002.safetensors";
constexpr const char* kWhole = "unet/diffusion_pytorch_model.safetensors";
constexpr const char* kConfig = "unet/config.json";
constexpr const char* kScheduler = "scheduler/scheduler_config.json";
constexpr const char* kQuery = "mid_block.attentions.0.to_q.weight";

using Spoil = std::function<void(const fs::path& folder)>;

struct BadFolder {
  const char* name;
  Spoil spoil;
  int exit_code;
  std::vector<std::string> said;
};

Spoil with_text(const std::string& file, const std::string& text) {
  return [=](const fs::path& folder) { write_text(folder / file, text); };
}

Spoil with_json(const std::string& file, const std::function<void(Json& json)>& change) {
  return [=](const fs::path& folder) {
    Json json = parse_json(read_file(folder / file, 1 << 24), file);
    change(json);
    write_text(folder / file, json_text(json));
  };
}

Spoil with_key(const std::string& file, const std::string& key, const Json& value) {
  return with_json(file, [=](Json& json) { json[key] = value; });
}

Spoil with_tensors(const std::string& file, const std::function<void(StoredTensors&)>& change) {
  return [=](const fs::path& folder) {
    StoredTensors tensors = read_tensors(folder / file);
    change(tensors);
    write_tensors(folder / file, tensors);
  };
}

Spoil with_bytes(const std::string& file, const std::function<void(std::string& bytes)>& change) {
  return [=](const fs::path& folder) {
    std::string bytes = read_file(folder / file, 1 << 24);
    change(bytes);
    write_text(folder / file, bytes);
  };
}

Spoil without(const std::string& file) {
  return [=](const fs::path& folder) { fs::remove_all(folder / file); };
}

// The weights in two shards first.
Spoil sharded(const Spoil& spoil) {
  return [=](const fs::path& folder) {
    write_shards(folder / "unet", read_tensors(folder / kWhole), 2);
    fs::remove(folder / kWhole);
    spoil(folder);
  };
}

Spoil with_shard_of(const std::string& tensor, const std::string& file) {
  return sharded(with_json(kIndex, [=](Json& json) { json["weight_map"][tensor] = file; }));
}

// Only under this name.
Spoil moved_to(const std::vector<std::string>& names) {
  return [=](const fs::path& folder) {
    for (const std::string& name : names) fs::copy(folder / kWhole, folder / "unet" / name);
    fs::remove(folder / kWhole);
  };
}

void put_nan(StoredTensors& tensors) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(tensors.at("conv_out.weight").bytes.data(), &nan, sizeof(nan));
}

void rename(StoredTensors& tensors, const std::string& from, const std::string& to) {
  tensors[to] = tensors.at(from);
  tensors.erase(from);
}

// The shape of conv_out.weight that its bytes do not have, or a place that another tensor has.
void replace(std::string& bytes, const std::string& from, const std::string& to) {
  const size_t place = bytes.find(from);
  if (place == std::string::npos || from.size() != to.size()) throw std::logic_error(from);
  bytes.replace(place, from.size(), to);
}

std::vector<BadFolder> folders_with_bad_descriptions() {
  return {
      {"LatentDiffusion",
       with_key("model_index.json", "_class_name", "LDMPipeline"),
       1,
       {"model_index.json", "DDPMPipeline", "LDMPipeline"}},
      {"AnotherComponent",
       with_key("model_index.json", "vqvae", {"diffusers", "VQModel"}),
       1,
       {"a component \"vqvae\""}},
      {"AnotherNetworkInTheIndex",
       with_key("model_index.json", "unet", {"diffusers", "UNet2DConditionModel"}),
       1,
       {"unet: wanted UNet2DModel", "UNet2DConditionModel"}},
      {"SchedulerMissing", without("scheduler"), 1, {"scheduler_config.json"}},
      {"SchedulerOfNoDiffusion",
       [](const fs::path& folder) {
         const std::string name = "FlowMatchEulerDiscreteScheduler";
         with_key("model_index.json", "scheduler", {"diffusers", name})(folder);
         with_key(kScheduler, "_class_name", name)(folder);
       },
       1,
       {"scheduler_config.json", "_class_name", "FlowMatchEulerDiscreteScheduler"}},
      {"SchedulerOfAnotherClass",
       with_key(kScheduler, "_class_name", "DDIMScheduler"),
       1,
       {"scheduler_config.json", "expected DDPMScheduler", "DDIMScheduler"}},
      {"ConfigIsNoJson", with_text(kConfig, "sample_size: 8"), 1, {"unet/config.json"}},
      {"ConfigIsAList", with_text(kConfig, "[]"), 1, {"unet/config.json", "wanted a JSON object"}},
      {"ConfigHasAKeyTwice",
       with_text(kConfig, R"({"sample_size": 8, "sample_size": 16})"),
       1,
       {"unet/config.json", "sample_size"}},
      {"ConditionalNetwork",
       with_key(kConfig, "_class_name", "UNet2DConditionModel"),
       1,
       {"UNet2DModel", "UNet2DConditionModel"}},
      {"AThousandMillionChannels",
       with_key(kConfig, "block_out_channels", {1000000000, 1000000000, 1000000000}),
       1,
       {"unet/config.json", "block_out_channels"}},
      {"NoSampleSize", with_key(kConfig, "sample_size", nullptr), 1, {"sample_size", "null"}},
      {"ConfigMissing", without(kConfig), 1, {"unet/config.json"}},
      {"WiderConfig",
       with_json(kConfig,
                 [](Json& json) {
                   for (Json& width : json["block_out_channels"]) width = 2 * width.get<int>();
                 }),
       1,
       {"of another shape", "narrower by a factor of 2"}},
      {"DeeperConfig",
       with_json(
           kConfig,
           [](Json& json) { json["layers_per_block"] = json["layers_per_block"].get<int>() + 1; }),
       1,
       {"missing", "blocks a level, the file has"}},
  };
}

std::vector<BadFolder> folders_with_bad_tensors() {
  return {
      {"TensorMissing",
       with_tensors(kWhole, [](StoredTensors& tensors) { tensors.erase("conv_in.bias"); }),
       1,
       {"1 missing; no conv_in.bias"}},
      {"TensorLeftOver",
       with_tensors(kWhole,
                    [](StoredTensors& tensors) { tensors["betas"] = tensors["conv_in.bias"]; }),
       1,
       {"1 left over; betas left over"}},
      {"TensorTransposed",
       with_tensors(kWhole,
                    [](StoredTensors& tensors) {
                      auto& shape = tensors.at("time_embedding.linear_1.weight").shape;
                      std::swap(shape[0], shape[1]);
                    }),
       1,
       {"1 of another shape; perhaps transposed", "time_embedding.linear_1.weight"}},
      {"TensorOfWholeNumbers",
       with_tensors(kWhole,
                    [](StoredTensors& tensors) { tensors["conv_in.bias"].dtype = DType::kI32; }),
       1,
       {"conv_in.bias", "got I32"}},
      {"BothFormsOfAttention",
       with_tensors(kWhole,
                    [](StoredTensors& tensors) {
                      tensors["mid_block.attentions.0.query.weight"] = tensors.at(kQuery);
                    }),
       1,
       {"mid_block.attentions.0 has names of two forms", "query beside to_"}},
      {"HalfConvertedAttention",
       with_tensors(kWhole,
                    [](StoredTensors& tensors) {
                      rename(tensors, kQuery, "mid_block.attentions.0.query.weight");
                    }),
       1,
       {"mid_block.attentions.0 has names of two forms"}},
      {"TwiceConvertedAttention",
       with_tensors(kWhole,
                    [](StoredTensors& tensors) {
                      rename(tensors, kQuery, "mid_block.attentions.0.to_to_q.weight");
                    }),
       1,
       {"to_to_q.weight was converted twice"}},
      {"NamesOfAWrapper",
       with_tensors(kWhole,
                    [](StoredTensors& tensors) {
                      StoredTensors wrapped;
                      for (const auto& [name, one] : tensors) wrapped["module." + name] = one;
                      tensors = wrapped;
                    }),
       1,
       {"all names begin with module."}},
      {"HeaderOfAGigabyte",
       with_bytes(kWhole, [](std::string& bytes) { bytes[3] = '\x40'; }),
       1,
       {kWhole, "the header"}},
      {"OverlappingTensors",
       with_bytes(kWhole, [](std::string& bytes) { replace(bytes, "[0,", "[4,"); }),
       1,
       {kWhole, "data_offsets"}},
      {"WeightsCutShort",
       with_bytes(kWhole, [](std::string& bytes) { bytes.resize(bytes.size() - 100); }),
       1,
       {kWhole, "incomplete download"}},
      {"WeightsAreEmpty", with_text(kWhole, ""), 1, {kWhole, "got an empty file"}},
      {"WeightsAreAPickle", with_text(kWhole, "\x80\x02}q\x01."), 1, {kWhole, "a pickle"}},
      {"WeightsAreAFolder",
       [](const fs::path& folder) {
         fs::remove(folder / kWhole);
         fs::create_directory(folder / kWhole);
       },
       1,
       {kWhole, "wanted a file, got a folder"}},
      {"WeightsAreADanglingLink",
       [](const fs::path& folder) {
         fs::remove(folder / kWhole);
         fs::create_symlink("../../blobs/0", folder / kWhole);
       },
       1,
       {kWhole, "a link that leads nowhere"}},
  };
}

std::vector<BadFolder> folders_with_bad_files() {
  const std::string second = fs::path(kSecondShard).filename().string();
  return {
      {"OnlyABin",
       [](const fs::path& folder) {
         fs::remove(folder / kWhole);
         write_text(folder / "unet" / "diffusion_pytorch_model.bin", "PK\3\4 and so on");
       },
       1,
       {"diffusion_pytorch_model.bin", "python3 tools/convert_pickle.py"}},
      {"SeveralVariants",
       moved_to({"diffusion_pytorch_model.fp16.safetensors",
                 "diffusion_pytorch_model.non_ema.safetensors"}),
       2,
       {"fp16, non_ema", "--variant"}},
      {"ShardMissing", sharded(without(kSecondShard)), 1, {kSecondShard, "got nothing"}},
      {"ShardCutShort",
       sharded(
           with_bytes(kSecondShard, [](std::string& bytes) { bytes.resize(bytes.size() - 4); })),
       1,
       {kSecondShard, "incomplete download"}},
      {"TensorInTwoShards",
       sharded([](const fs::path& folder) {
         StoredTensors tensors = read_tensors(folder / kSecondShard);
         tensors["conv_in.bias"] = {DType::kF32, {1}, std::string(4, '\0')};
         write_tensors(folder / kSecondShard, tensors);
       }),
       1,
       {kIndex, "tensor conv_in.bias is in two files"}},
      {"IndexNamesAMissingFile",
       with_shard_of("conv_in.bias", "other.safetensors"),
       1,
       {"unet/other.safetensors", "got nothing"}},
      {"IndexNamesAnotherShard",
       with_shard_of("conv_in.bias", second),
       1,
       {kIndex, "conv_in.bias", "which the index names in " + second}},
      {"IndexNamesATensorThatIsNot",
       with_shard_of("betas", second),
       1,
       {kIndex, "tensor betas is not in " + second}},
      {"IndexLeavesATensorOut",
       sharded(with_json(kIndex, [](Json& json) { json["weight_map"].erase("conv_in.bias"); })),
       1,
       {kIndex, "the tensor conv_in.bias, which the index does not name"}},
      {"IndexLeadsUpwards",
       with_shard_of("conv_in.bias", "../unet/" + second),
       1,
       {kIndex, "conv_in.bias", "wanted the plain name"}},
      {"IndexLeadsToTheRoot",
       with_shard_of("conv_in.bias", "/etc/x.safetensors"),
       1,
       {kIndex, "wanted the plain name", "/etc/x.safetensors"}},
      {"IndexOfAnotherTotal",
       sharded(with_json(kIndex, [](Json& json) { json["metadata"]["total_size"] = 4; })),
       1,
       {kIndex, "total_size", "got 4"}},
      {"IndexIsAList", sharded(with_text(kIndex, "[]")), 1, {kIndex, "weight_map"}},
  };
}

std::vector<BadFolder> bad_folders() {
  std::vector<BadFolder> all = folders_with_bad_descriptions();
  for (const auto& some : {folders_with_bad_tensors(), folders_with_bad_files()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace

void write_bad_checkpoints(const fs::path& folder, const fs::path& checkpoint) {
  const auto write_whole = [&](const std::string& name) {
    const fs::path made = folder / "bad" / name;
    fs::create_directories(made);
    for (const char* part : {"model_index.json", "unet", "scheduler"}) {
      fs::copy(checkpoint / part, made / part, fs::copy_options::recursive);
    }
    return made;
  };
  for (const BadFolder& bad : bad_folders()) bad.spoil(write_whole(bad.name));
  with_tensors(kWhole, put_nan)(write_whole("Nan"));
  write_whole("Whole");
}

std::vector<BadInput> bad_inputs_of_checkpoints() {
  std::vector<BadInput> inputs;
  for (const BadFolder& bad : bad_folders()) {
    inputs.push_back({bad.name, {"info", std::string("bad/") + bad.name}, bad.exit_code, bad.said});
  }
  const auto sample = [](const std::string& folder, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"sample", "--checkpoint", folder, "--out", "new"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  inputs.push_back({"WeightsWithNan",
                    sample("bad/Nan", {}),
                    1,
                    {kWhole, "conv_out.weight has 1 of", "not finite"}});
  inputs.push_back({"SampleOfAMismatch",
                    sample("bad/TensorMissing", {}),
                    1,
                    {"sample:", kWhole, "no conv_in.bias"}});
  inputs.push_back({"VariantThatIsNot",
                    sample("bad/Whole", {"--variant", "fp16"}),
                    2,
                    {"no weights of variant 'fp16'"}});
  inputs.push_back({"VariantOfARun",
                    sample("run", {"--weights", "raw", "--variant", "fp16"}),
                    2,
                    {"raw.safetensors", "'fp16'"}});
  inputs.push_back({"RawOfOneSet", sample("bad/Whole", {"--weights", "raw"}), 2, {"one set"}});
  inputs.push_back({"InfoOfAVariantThatIsNot",
                    {"info", "bad/Whole", "--variant", "fp16"},
                    2,
                    {"info:", "no weights of variant 'fp16'"}});
  inputs.push_back({"InfoOfAFile",
                    {"info", std::string("bad/Whole/") + kWhole},
                    2,
                    {"wanted a run or a checkpoint, got a file"}});
  inputs.push_back({"InfoOfAnEmptyFolder", {"info", "empty"}, 2, {"empty", "wanted a run or a"}});
  return inputs;
}

}  // namespace ddpm
