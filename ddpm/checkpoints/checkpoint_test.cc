#include "ddpm/checkpoints/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/format_version.h"
#include "ddpm/base/json.h"
#include "ddpm/checkpoints/manifest.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/formats/safetensors.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/hasty_files.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_checkpoint.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// Equal bits, not merely equal numbers: 0 and -0 differ.
bool same_bits(const ParameterValues& a, const ParameterValues& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size()) return false;
    for (size_t j = 0; j < a[i].size(); ++j) {
      if (std::bit_cast<uint32_t>(a[i][j]) != std::bit_cast<uint32_t>(b[i][j])) return false;
    }
  }
  return true;
}

void overwrite(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(Checkpoint, GivesBackEveryBitOfStateAndArrays) {
  const TemporaryFolder scratch;
  const fs::path path = scratch.path() / "c";
  ToyCheckpoint toy(7);
  toy.raw[0][0] = -0.0f;
  toy.raw[0][1] = std::numeric_limits<float>::denorm_min();
  toy.raw[1][0] = std::numeric_limits<float>::max();
  write_checkpoint(path, toy.state, toy.arrays(), hasty_files());
  verify_checkpoint(path);

  const TrainingState state = read_training_state(path);
  EXPECT_EQ(state.config, toy.state.config);
  EXPECT_EQ(state.unet, toy.state.unet);
  EXPECT_EQ(state.step, 7);
  EXPECT_EQ(state.images_seen, 896);
  EXPECT_EQ(state.optimizer_updates, 6);
  EXPECT_EQ(state.ema_updates, 6);
  EXPECT_EQ(state.skipped_updates, 1);
  EXPECT_EQ(state.bad_in_a_row, 1);
  EXPECT_EQ(state.data_fingerprint, "f00d");
  EXPECT_EQ(state.data_images, 3);
  EXPECT_EQ(state.carried, toy.state.carried);
  EXPECT_TRUE(same_bits(read_arrays(path, state.unet, ArraySet::kEma), toy.ema));
  EXPECT_TRUE(same_bits(read_arrays(path, state.unet, ArraySet::kRaw), toy.raw));
  EXPECT_TRUE(same_bits(read_arrays(path, state.unet, ArraySet::kFirstMoment), toy.first));
  EXPECT_TRUE(same_bits(read_arrays(path, state.unet, ArraySet::kSecondMoment), toy.second));
}

TEST(Checkpoint, IsTheSameBytesWheneverItIsWritten) {
  const TemporaryFolder scratch;
  const ToyCheckpoint toy(7);
  write_checkpoint(scratch.path() / "a", toy.state, toy.arrays(), hasty_files());
  write_checkpoint(scratch.path() / "b", toy.state, toy.arrays(), hasty_files());
  const std::string hash = checkpoint_hash(scratch.path() / "a");
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(checkpoint_hash(scratch.path() / "b"), hash);
  ToyCheckpoint other(7);
  other.second.back().back() += 1.0f;
  write_checkpoint(scratch.path() / "c", other.state, other.arrays(), hasty_files());
  EXPECT_NE(checkpoint_hash(scratch.path() / "c"), hash);
}

// The disk, which notes the largest piece that it was given.
class MeasuredFiles : public HastyFiles {
 public:
  void write(const fs::path& path, std::span<const std::byte> bytes) override {
    largest = std::max(largest, bytes.size());
    HastyFiles::write(path, bytes);
  }
  void append(const fs::path& path, std::span<const std::byte> bytes) override {
    largest = std::max(largest, bytes.size());
    HastyFiles::append(path, bytes);
  }
  size_t largest = 0;
};

TEST(Checkpoint, IsWrittenArrayByArrayWithOneOfThemInMemory) {
  const TemporaryFolder scratch;
  ToyCheckpoint toy(7);
  toy.state.unet.levels = {{.channels = 64}, {.channels = 128}};
  toy.state.config.base_channels = 64;
  const std::vector<NamedShape> parameters = unet_parameters(toy.state.unet);
  int64_t there = 0;
  int64_t most = 0;
  size_t largest = StreamedFile::kBufferBytes;
  const ParameterArrays arrays(parameters.size(), [&](size_t k, const ParameterArrays::Take& take) {
    const std::vector<float> values(static_cast<size_t>(parameters[k].count()), 0.5f);
    largest = std::max(largest, values.size() * sizeof(float));
    most = std::max(most, ++there);
    take(values);
    --there;
  });
  MeasuredFiles files;
  write_checkpoint(scratch.path() / "c", toy.state, {arrays, arrays, arrays, arrays}, files);
  verify_checkpoint(scratch.path() / "c");
  EXPECT_EQ(most, 1);
  EXPECT_LE(files.largest, largest);
  EXPECT_GT(fs::file_size(scratch.path() / "c/training/optimizer.safetensors"), 4 * largest);
}

TEST(Checkpoint, HasDiffusersLayoutWithTheAveragedWeights) {
  const TemporaryFolder scratch;
  const fs::path path = scratch.path() / "c";
  const ToyCheckpoint toy(7);
  write_checkpoint(path, toy.state, toy.arrays(), hasty_files());
  EXPECT_TRUE(fs::is_regular_file(path / "model_index.json"));
  EXPECT_TRUE(fs::is_regular_file(path / "unet/config.json"));
  EXPECT_TRUE(fs::is_regular_file(path / "scheduler/scheduler_config.json"));
  const SafetensorsFile file(path / "unet/diffusion_pytorch_model.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("weights"), "ema");
  EXPECT_EQ(file.tensors().size(), toy.ema.size());
  EXPECT_EQ(file.floats("conv_in.weight", "test"), toy.ema[0]);
  EXPECT_EQ(model_config_of(toy.state.config, toy.state.unet).unet, read_model_config(path).unet);
}

TEST(Checkpoint, ANumberThatIsNotFiniteIsRefusedBeforeAnythingIsWritten) {
  const TemporaryFolder scratch;
  for (ParameterValues ToyCheckpoint::*set :
       {&ToyCheckpoint::ema, &ToyCheckpoint::raw, &ToyCheckpoint::first, &ToyCheckpoint::second}) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      ToyCheckpoint toy(7);
      (toy.*set).back().back() = bad;  // conv_out.bias, the last of all
      const std::string message = complaint<NotFinite>(
          [&] { write_checkpoint(scratch.path() / "c", toy.state, toy.arrays(), hasty_files()); });
      expect_contains(message, "checkpoint of step 7: ");
      expect_contains(message, "conv_out.bias has 1 of 1 values that are not finite");
      EXPECT_TRUE(fs::is_empty(scratch.path()));
    }
  }
}

TEST(Checkpoint, ArraysOfAnotherNetworkAreRefused) {
  const TemporaryFolder scratch;
  ToyCheckpoint toy(7);
  toy.raw[2].push_back(0.0f);
  expect_contains(complaint<InvalidArgument>([&] {
                    write_checkpoint(scratch.path() / "c", toy.state, toy.arrays(), hasty_files());
                  }),
                  "values, got");
  toy.raw.pop_back();
  expect_contains(complaint<InvalidArgument>([&] {
                    write_checkpoint(scratch.path() / "c", toy.state, toy.arrays(), hasty_files());
                  }),
                  "arrays, one per parameter, got");
  EXPECT_TRUE(fs::is_empty(scratch.path()));
}

TEST(Checkpoint, AnyOneFlippedByteOfAnyFileIsNoticed) {
  const TemporaryFolder scratch;
  const fs::path path = scratch.path() / "c";
  const ToyCheckpoint toy(7);
  write_checkpoint(path, toy.state, toy.arrays(), hasty_files());
  int64_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const std::string whole = read_file(entry.path(), 1 << 24);
    for (const size_t at : {size_t{0}, whole.size() / 3, whole.size() / 2, whole.size() - 2}) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 1);
      overwrite(entry.path(), flipped);
      EXPECT_THROW(verify_checkpoint(path), FormatError) << entry.path() << " at " << at;
    }
    overwrite(entry.path(), whole);
    EXPECT_NO_THROW(verify_checkpoint(path));
  }
  EXPECT_EQ(files, 8);
}

TEST(Checkpoint, MissingAndCutFilesAreNamed) {
  const TemporaryFolder scratch;
  const fs::path path = scratch.path() / "c";
  const ToyCheckpoint toy(7);
  write_checkpoint(path, toy.state, toy.arrays(), hasty_files());
  const fs::path raw = path / "training/raw.safetensors";
  const auto size = fs::file_size(raw);
  fs::resize_file(raw, size - 1);
  expect_contains(complaint<FormatError>([&] { verify_checkpoint(path); }),
                  concat(raw.string(), ": expected ", size, " bytes, got ", size - 1));
  fs::remove(raw);
  expect_contains(complaint<FormatError>([&] { verify_checkpoint(path); }),
                  raw.string() + ": missing");
}

TEST(Checkpoint, AManifestThatForgetsTheOptimizerIsDamaged) {
  const TemporaryFolder scratch;
  const fs::path path = scratch.path() / "c";
  const ToyCheckpoint toy(7);
  write_checkpoint(path, toy.state, toy.arrays(), hasty_files());
  Manifest manifest = verify_folder(path);
  manifest.erase("training/optimizer.safetensors");
  overwrite(path / kManifestName, manifest_text(manifest));
  expect_contains(complaint<FormatError>([&] { verify_checkpoint(path); }),
                  "does not name 'training/optimizer.safetensors'");
}

TEST(Checkpoint, DiffusersPartAloneCanBeSampledFromButNotGoneOnWith) {
  const TemporaryFolder scratch;
  const fs::path path = scratch.path() / "c";
  const ToyCheckpoint toy(7);
  write_checkpoint(path, toy.state, toy.arrays(), hasty_files());
  EXPECT_TRUE(has_training_state(path));
  fs::remove_all(path / "training");
  fs::remove(path / kManifestName);
  EXPECT_FALSE(has_training_state(path));
  const UNetConfig unet = read_model_config(path).unet;
  EXPECT_TRUE(same_bits(read_arrays(path, unet, ArraySet::kEma), toy.ema));
  expect_contains(complaint<InvalidArgument>([&] { read_arrays(path, unet, ArraySet::kRaw); }),
                  "has one set of weights");
  expect_contains(complaint<InvalidArgument>([&] { read_training_state(path); }),
                  "has no training state");
  EXPECT_EQ(checkpoint_hash(path).size(), 64u);
}

TEST(Checkpoint, TensorsOfAnotherNetworkAreListed) {
  const TemporaryFolder scratch;
  const fs::path path = scratch.path() / "c";
  const ToyCheckpoint toy(7);
  write_checkpoint(path, toy.state, toy.arrays(), hasty_files());
  UNetConfig deeper = toy.state.unet;
  deeper.blocks_per_level = 2;
  const std::string missing =
      complaint<FormatError>([&] { read_arrays(path, deeper, ArraySet::kSecondMoment); });
  expect_contains(missing, "no exp_avg_sq.down_blocks.0.resnets.1.");
  expect_contains(missing, "; ..");
  UNetConfig colour = toy.state.unet;
  colour.image_channels = 3;
  expect_contains(complaint<FormatError>([&] { read_arrays(path, colour, ArraySet::kEma); }),
                  "conv_in.weight wanted [4, 3, 3, 3], got [4, 1, 3, 3]");
}

TEST(Checkpoint, ItsSizeIsKnownBeforeItIsWritten) {
  const TemporaryFolder scratch;
  const fs::path path = scratch.path() / "c";
  const ToyCheckpoint toy(7);
  write_checkpoint(path, toy.state, toy.arrays(), hasty_files());
  int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  EXPECT_GE(checkpoint_bytes(toy.state.unet), bytes);
  EXPECT_GE(checkpoint_bytes(toy.state.unet), 16 * count_parameters(toy.state.unet));
}

TEST(TrainingState, RefusesUnknownMissingAndWrongKeys) {
  const ToyCheckpoint toy(7);
  const Json good = state_to_json(toy.state);
  const auto message = [&](const Json& json) {
    return complaint<FormatError>([&] { state_from_json(json, toy.state.unet, "state.json"); });
  };
  Json json = good;
  json["stepp"] = 1;
  expect_contains(message(json), "state.json: unknown key \"stepp\"");
  json = good;
  json.erase("ema_updates");
  expect_contains(message(json), "state.json: no key 'ema_updates'");
  json = good;
  json["step"] = -1;
  expect_contains(message(json), "state.json: step: wanted a whole number of at least 0, got -1");
  json = good;
  json["version"] = 0;
  expect_contains(message(json), "expected version 1, got 0");
  json["version"] = 2;
  json["a key of that version"] = 1;
  EXPECT_THROW(state_from_json(json, toy.state.unet, "state.json"), NewerVersion);
  json = good;
  json["config"]["steps"] = 0;
  expect_contains(message(json), "steps must be");
  json = good;
  json["carried"] = {{"sum", "x"}};
  expect_contains(message(json), "carried: wanted lists of numbers by name");
  EXPECT_EQ(message(good), "");
}

TEST(Manifest, RefusesPathsThatLeaveTheFolder) {
  const std::string sum(64, '0');
  for (const char* name : {"../x", "/etc/passwd", "a/../../x", "", "a//b", "./a"}) {
    const std::string text = manifest_text({{name, {1, sum}}});
    EXPECT_THROW(parse_manifest(text, "m"), FormatError) << name;
  }
  const Manifest good = {{"a/b.json", {1, sum}}};
  EXPECT_EQ(parse_manifest(manifest_text(good), "m"), good);
}

TEST(Manifest, RefusesWhatIsNoManifest) {
  const std::string sum(64, '0');
  const std::vector<std::string> wrong = {
      "",
      "[]",
      "{}",
      R"({"format": "ddpm checkpoint", "version": 0, "files": {}})",
      R"({"format": "ddpm checkpoint", "version": "2", "files": {}})",
      R"({"format": "other", "version": 1, "files": {}})",
      R"({"format": "ddpm checkpoint", "version": 1, "files": []})",
      R"({"format": "ddpm checkpoint", "version": 1, "files": {}, "more": 1})",
      R"({"format": "ddpm checkpoint", "version": 1, "files": {"a": {"bytes": 1}}})",
      R"({"format": "ddpm checkpoint", "version": 1, "files": {"a": {"bytes": -1, "sha256": ")" +
          sum + R"("}}})",
      R"({"format": "ddpm checkpoint", "version": 1, "files": {"a": {"bytes": 1, "sha256": "0"}}})",
  };
  for (const std::string& text : wrong) {
    EXPECT_THROW(parse_manifest(text, "m"), FormatError) << text;
  }
  const std::string newer = R"({"format": "ddpm checkpoint", "version": 2, "shards": []})";
  EXPECT_THROW(parse_manifest(newer, "m"), NewerVersion);
}

}  // namespace
}  // namespace ddpm
