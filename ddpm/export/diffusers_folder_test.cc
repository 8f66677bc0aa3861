#include "ddpm/export/diffusers_folder.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/export/legacy.h"
#include "ddpm/export/origin.h"
#include "ddpm/formats/half.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/faulty_files.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_export.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

DiffusersExport raw_weights() { return {.weights = {.ema = false, .variant = ""}}; }

namespace fs = std::filesystem;

constexpr const char* kWeights = "unet/diffusion_pytorch_model.safetensors";
constexpr const char* kUNet = "unet/config.json";
constexpr const char* kScheduler = "scheduler/scheduler_config.json";

std::string text_of(const fs::path& path) { return read_file(path, 1 << 24); }
Json json_of(const fs::path& path) { return parse_json(text_of(path), path.string()); }

// The bits, which tell the two zeros apart.
std::vector<std::vector<uint32_t>> bits_of(const ParameterValues& values) {
  std::vector<std::vector<uint32_t>> bits;
  for (const auto& one : values) {
    bits.emplace_back();
    for (const float value : one) bits.back().push_back(std::bit_cast<uint32_t>(value));
  }
  return bits;
}

class DiffusersFolder : public testing::Test {
 protected:
  fs::path written(const std::string& name = "checkpoint") const {
    toy_.write(folder_ / name);
    return folder_ / name;
  }

  Exported exported(const DiffusersExport& request = {}, const std::string& out = "out") const {
    return export_to_diffusers(written(), folder_ / out, request);
  }

  template <typename E>
  std::string refusal(const DiffusersExport& request) const {
    const std::string message = complaint<E>([&] { exported(request); });
    EXPECT_FALSE(fs::exists(folder_ / "out"));
    return message;
  }

  ParameterValues read(ArraySet set = ArraySet::kEma) const {
    return read_arrays(folder_ / "out", toy_.state.unet, set);
  }

  const TemporaryFolder folder_;
  ToyExport toy_;
};

TEST_F(DiffusersFolder, InFloat32EveryBitComesBack) {
  const Exported result = exported();
  EXPECT_EQ(bits_of(read()), bits_of(toy_.ema));
  EXPECT_EQ(result.weights, "ema");
  EXPECT_TRUE(result.notes.empty());
  std::vector<std::string> names;
  for (const ExportedFile& file : result.files) {
    names.push_back(file.name);
    EXPECT_EQ(file.bytes, static_cast<int64_t>(fs::file_size(folder_ / "out" / file.name)));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"README.md", "ddpm.json", "model_index.json",
                                             kScheduler, kUNet, kWeights}));
}

TEST_F(DiffusersFolder, TheRawWeightsAreThoseOfTheOptimiser) {
  EXPECT_EQ(exported(raw_weights()).weights, "raw");
  EXPECT_EQ(bits_of(read()), bits_of(toy_.raw));
  EXPECT_EQ(SafetensorsFile(folder_ / "out" / kWeights).metadata().at("weights"), "raw");
}

// A checkpoint of ours has all of this already.
TEST_F(DiffusersFolder, TheDescriptionsOfARunAreThoseOfItsCheckpoint) {
  exported();
  for (const char* name : {"model_index.json", kUNet, kScheduler}) {
    EXPECT_EQ(text_of(folder_ / "out" / name), text_of(folder_ / "checkpoint" / name)) << name;
  }
}

TEST_F(DiffusersFolder, AnotherProgramsDescriptionKeepsItsValuesAndGetsDiffusersDefaults) {
  const fs::path foreign = written("foreign");
  fs::remove_all(foreign / "training");
  fs::remove(foreign / "manifest.json");
  Json unet = json_of(foreign / kUNet);
  unet["sample_size"] = {8, 8};  // as a pair, though it is a square
  unet["_diffusers_version"] = "0.0.4";
  unet["_name_or_path"] = "somewhere";
  unet.erase("dropout");
  write_file_whole(foreign / kUNet, json_text(unet));
  Json scheduler = {{"_class_name", "DDPMScheduler"}, {"num_train_timesteps", 20}};
  write_file_whole(foreign / kScheduler, json_text(scheduler));
  const Exported result = export_to_diffusers(foreign, folder_ / "out", {});
  EXPECT_EQ(result.weights, "");
  const Json got = json_of(folder_ / "out" / kUNet);
  EXPECT_EQ(got["sample_size"], Json({8, 8}));
  EXPECT_EQ(got["dropout"], 0.0);
  EXPECT_EQ(got["_diffusers_version"], "0.42.1");
  EXPECT_FALSE(got.contains("_name_or_path"));
  const Json process = json_of(folder_ / "out" / kScheduler);
  EXPECT_EQ(process["num_train_timesteps"], 20);
  EXPECT_EQ(process["timestep_spacing"], "leading");  // diffusers' own default, not ours
  EXPECT_EQ(process["variance_type"], "fixed_small");
  EXPECT_EQ(process.size(), 17U);  // the fifteen fields, class and version
  EXPECT_FALSE(read_origin(folder_ / "out")->step.has_value());
}

TEST_F(DiffusersFolder, NarrowNumbersAreTheNearestOnes) {
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    fs::remove_all(folder_ / "checkpoint");
    fs::remove_all(folder_ / "out");
    exported({.dtype = dtype});
    ParameterValues wanted = toy_.ema;
    for (auto& values : wanted) {
      for (float& value : values) {
        value = dtype == DType::kF16 ? float_of_half(half_of_float(value))
                                     : float_of_bfloat16(bfloat16_of_float(value));
      }
    }
    EXPECT_NE(bits_of(wanted), bits_of(toy_.ema));
    EXPECT_EQ(bits_of(read()), bits_of(wanted));
    const SafetensorsFile file(folder_ / "out" / kWeights);
    for (const auto& [name, tensor] : file.tensors()) EXPECT_EQ(tensor.dtype, dtype) << name;
    EXPECT_EQ(read_origin(folder_ / "out")->dtype, dtype == DType::kF16 ? "fp16" : "bf16");
  }
}

TEST_F(DiffusersFolder, ANumberThatHalfCannotHoldIsAnErrorThatNamesItsTensor) {
  toy_.ema[2][1] = -65520.0f;  // the first that rounds to infinity
  const std::string name = unet_parameters(toy_.state.unet)[2].name;
  const std::string reason = refusal<NotFinite>({.dtype = DType::kF16});
  expect_contains(reason, name + " has 1 of ");
  expect_contains(reason, "too large for fp16");
  EXPECT_NO_THROW(
      export_to_diffusers(folder_ / "checkpoint", folder_ / "wide", {.dtype = DType::kBF16}));
}

TEST_F(DiffusersFolder, ANumberThatIsNotFiniteIsRefused) {
  ParameterValues values = toy_.ema;
  values[4][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(check_representable(toy_.state.unet, views_of(values), DType::kF32, "x"), NotFinite);
}

TEST_F(DiffusersFolder, PiecesHoldEachTensorOnceAndTheIndexSaysWhere) {
  constexpr int64_t kMost = 40'000;
  const Exported result = exported({.max_shard_bytes = kMost});
  const fs::path folder = folder_ / "out" / "unet";
  const Json index = json_of(folder / "diffusion_pytorch_model.safetensors.index.json");
  const auto parameters = unet_parameters(toy_.state.unet);
  ASSERT_EQ(index["weight_map"].size(), parameters.size());
  EXPECT_EQ(index["metadata"], Json({{"total_size", 4 * count_parameters(toy_.state.unet)}}));
  EXPECT_FALSE(fs::exists(folder_ / "out" / kWeights));
  std::map<std::string, std::unique_ptr<SafetensorsFile>> files;
  size_t tensors = 0;
  for (const ExportedFile& file : result.files) {
    if (file.name.find(".safetensors") != file.name.size() - 12) continue;
    const std::string name = fs::path(file.name).filename().string();
    files[name] = std::make_unique<SafetensorsFile>(folder / name);
    tensors += files[name]->tensors().size();
    EXPECT_EQ(files[name]->metadata().at("format"), "pt");
    int64_t bytes = 0;
    for (const auto& one : files[name]->tensors()) bytes += one.second.bytes;
    EXPECT_TRUE(bytes <= kMost || files[name]->tensors().size() == 1) << name;
  }
  EXPECT_GE(files.size(), 3U);
  EXPECT_EQ(tensors, parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto& name = parameters[i].name;
    const auto& file = *files.at(index["weight_map"][name].get<std::string>());
    const auto values = file.floats(name, name);
    EXPECT_EQ(bits_of({values}), bits_of({toy_.ema[i]})) << name;
  }
}

TEST_F(DiffusersFolder, TheOldFormHasTheOldNamesAndTheSameNumbers) {
  exported({.form = DiffusersForm::kRelease024});
  const SafetensorsFile file(folder_ / "out" / kWeights);
  const auto parameters = unet_parameters(toy_.state.unet);
  ASSERT_EQ(file.tensors().size(), parameters.size());
  int64_t renamed = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string name = old_parameter_name(parameters[i].name);
    renamed += name == parameters[i].name ? 0 : 1;
    EXPECT_EQ(bits_of({file.floats(name, name)}), bits_of({toy_.ema[i]})) << name;
  }
  EXPECT_EQ(renamed, 8 * 4);  // of a way down, the middle, and two of a way up
  EXPECT_FALSE(json_of(folder_ / "out" / kUNet).contains("add_attention"));
  EXPECT_FALSE(json_of(folder_ / "out" / kScheduler).contains("timestep_spacing"));
  EXPECT_EQ(json_of(folder_ / "out" / "model_index.json")["_diffusers_version"], "0.2.4");
}

TEST_F(DiffusersFolder, TheOldFormInPiecesIsRefused) {
  const std::string reason =
      refusal<InvalidArgument>({.form = DiffusersForm::kRelease024, .max_shard_bytes = 1000});
  expect_contains(reason, "--max-shard-size");
}

TEST_F(DiffusersFolder, ALearnedLogarithmIsRefusedUnlessItIsAllowed) {
  toy_.state.config.variance = Variance::kLearned;
  toy_.state.unet.learned_variance = true;
  toy_.fill();
  const std::string reason = refusal<InvalidArgument>({});
  expect_contains(reason, "learned_range");
  const Exported result =
      export_to_diffusers(folder_ / "checkpoint", folder_ / "out", {.allow_log_variance = true});
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_NE(text_of(folder_ / "out" / "README.md").find(result.notes[0]), std::string::npos);
  EXPECT_EQ(bits_of(read()), bits_of(toy_.ema));
}

TEST_F(DiffusersFolder, ALearnedPlaceBetweenTheEndsNeedsNoPermission) {
  toy_.state.config.variance = Variance::kLearnedRange;
  toy_.state.unet.learned_variance = true;
  toy_.fill();
  EXPECT_TRUE(exported().notes.empty());
}

// Of such a folder nothing says the variance; what is taken for it has to be in the export, or
// neither program could sample from that.
TEST_F(DiffusersFolder, ANetworkAloneIsExportedWithTheProcessThatIsTakenForIt) {
  toy_.state.config.variance = Variance::kLearnedRange;
  toy_.state.unet.learned_variance = true;
  toy_.fill();
  fs::rename(written() / "unet", folder_ / "alone");
  export_to_diffusers(folder_ / "alone", folder_ / "out", {});
  const ModelConfig model = read_model_config(folder_ / "out");
  EXPECT_EQ(model.variance, Variance::kLearnedRange);
  EXPECT_EQ(model.sampling, read_model_config(folder_ / "alone").sampling);
  EXPECT_EQ(bits_of(read()), bits_of(toy_.ema));
}

TEST_F(DiffusersFolder, APredictionThatDiffusersHasNoWordForIsNoted) {
  toy_.state.config.prediction = Prediction::kMean;
  const Exported result = exported();
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_NE(result.notes[0].find("mean"), std::string::npos);
  const std::string card = text_of(folder_ / "out" / "README.md");
  EXPECT_NE(card.find("UNet2DModel.from_pretrained(\"out\", subfolder=\"unet\")"),
            std::string::npos);
  EXPECT_EQ(card.find("DDPMPipeline.from_pretrained"), std::string::npos);
}

TEST_F(DiffusersFolder, AFolderWithOneSetOfWeightsSaysWhichAndGivesNoOther) {
  exported(raw_weights());
  const Exported again = export_to_diffusers(folder_ / "out", folder_ / "again", {});
  EXPECT_EQ(again.weights, "raw");
  const auto origin = read_origin(folder_ / "again");
  EXPECT_EQ(origin->step, 30);
  EXPECT_EQ(origin->source, checkpoint_hash(folder_ / "out"));
  fs::remove(folder_ / "out" / kOriginName);
  EXPECT_THROW(export_to_diffusers(folder_ / "out", folder_ / "more", raw_weights()),
               InvalidArgument);
  EXPECT_EQ(export_to_diffusers(folder_ / "out", folder_ / "more", {}).weights, "");
}

TEST_F(DiffusersFolder, AFolderThatIsThereAndNotEmptyIsLeftAlone) {
  fs::create_directories(folder_ / "out");
  write_file_whole(folder_ / "out" / "mine", "1");
  EXPECT_THROW(exported(), InvalidArgument);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "out"), {}), 1);
}

// The power fails at each write, append, sync and rename.
TEST_F(DiffusersFolder, AfterACrashTheFolderIsMissingOrComplete) {
  const fs::path source = written();
  FaultyFiles whole(folder_ / "attic");
  export_to_diffusers(source, folder_ / "whole", {.max_shard_bytes = 60'000}, whole);
  const int64_t operations = whole.operations();
  for (int64_t cut = 0; cut < operations; ++cut) {
    const std::string name = concat("cut", cut);
    FaultyFiles files(folder_ / ("attic" + name), cut, cut % 2 == 0);
    EXPECT_THROW(export_to_diffusers(source, folder_ / name, {.max_shard_bytes = 60'000}, files),
                 FaultyFiles::Cut);
    files.lose(cut % 3 == 0 ? FaultyFiles::Loss::kNames : FaultyFiles::Loss::kBytes);
    if (!fs::exists(folder_ / name)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "whole")) {
      if (!entry.is_regular_file() || entry.path().filename() == "README.md") continue;
      const fs::path same = folder_ / name / entry.path().lexically_relative(folder_ / "whole");
      ASSERT_TRUE(fs::exists(same)) << same;
      EXPECT_EQ(text_of(same), text_of(entry.path())) << same;
    }
  }
}

}  // namespace
}  // namespace ddpm
