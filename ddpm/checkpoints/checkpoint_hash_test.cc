// Whatever is read for a network and its process is a part of its hash.

#include <gtest/gtest.h>

#include "ddpm/base/sha256.h"
#include "ddpm/checkpoints/checkpoint.h"
#include "ddpm/checkpoints/manifest.h"
#include "ddpm/diffusers/weights_files.h"
#include "ddpm/testing/diffusers_folder.h"
#include "ddpm/testing/hasty_files.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_checkpoint.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWhole = "unet/diffusion_pytorch_model.safetensors";

class CheckpointHash : public testing::Test {
 protected:
  void SetUp() override {
    const ToyCheckpoint toy(7);
    write_checkpoint(folder_, toy.state, toy.arrays(), hasty_files());
  }

  void forget_manifest() const {
    fs::remove(folder_ / kManifestName);
    fs::remove_all(folder_ / "training");
  }

  // A change of each file is another hash, and back again the old one.
  void expect_covers(const std::vector<std::string>& names,
                     const WeightsChoice& choice = {}) const {
    const std::string hash = checkpoint_hash(folder_, choice);
    EXPECT_EQ(hash.size(), 64U);
    for (const std::string& name : names) {
      const std::string before = read_file(folder_ / name, 1 << 20);
      std::string after = before;
      if (name.ends_with(".json")) {
        after += ' ';
      } else {
        after.back() = static_cast<char>(after.back() ^ 1);
      }
      write_text(folder_ / name, after);
      EXPECT_NE(checkpoint_hash(folder_, choice), hash) << name;
      write_text(folder_ / name, before);
      EXPECT_EQ(checkpoint_hash(folder_, choice), hash) << name;
    }
  }

  TemporaryFolder scratch_;
  fs::path folder_ = scratch_.path() / "c";
};

TEST_F(CheckpointHash, IsThatOfTheManifestWhichNamesEveryFile) {
  const std::string hash = checkpoint_hash(folder_);
  EXPECT_EQ(hash, sha256_of_file(folder_ / kManifestName));
  write_text(folder_ / "notes.txt", "x");
  EXPECT_EQ(checkpoint_hash(folder_), hash);
}

TEST_F(CheckpointHash, CoversEveryFileOfAFolderWithoutAManifest) {
  forget_manifest();
  expect_covers(
      {kWhole, "unet/config.json", "scheduler/scheduler_config.json", "model_index.json"});
  const std::string hash = checkpoint_hash(folder_);
  write_text(folder_ / "notes.txt", "x");
  EXPECT_EQ(checkpoint_hash(folder_), hash);
  fs::remove_all(folder_ / "scheduler");
  fs::remove(folder_ / "model_index.json");
  EXPECT_NE(checkpoint_hash(folder_), hash);
  expect_covers({kWhole, "unet/config.json"});
}

TEST_F(CheckpointHash, CoversEveryShardAndTheIndex) {
  forget_manifest();
  write_shards(folder_ / "unet", read_tensors(folder_ / kWhole), 2);
  fs::remove(folder_ / kWhole);
  expect_covers({"unet/diffusion_pytorch_model-00001-of-00002.safetensors",
                 "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
                 "unet/diffusion_pytorch_model.safetensors.index.json"});
}

TEST_F(CheckpointHash, CoversWhatAManifestDoesNotName) {
  Manifest manifest = read_manifest(folder_);
  manifest.erase("scheduler/scheduler_config.json");
  write_text(folder_ / kManifestName, manifest_text(manifest));
  expect_covers({"scheduler/scheduler_config.json"});
  // weights of a variant that somebody put beside the checkpoint's own
  const std::string variant = "unet/diffusion_pytorch_model.fp16.safetensors";
  fs::copy_file(folder_ / kWhole, folder_ / variant);
  expect_covers({variant}, {.ema = true, .variant = "fp16"});
}

}  // namespace
}  // namespace ddpm
