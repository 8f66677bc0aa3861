// For tests: a network small enough to be written a thousand times, with numbers for all its
// arrays.

#pragma once

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/checkpoints/state.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

// In memory where the system has such a place: these tests make files by the thousand.
inline std::filesystem::path scratch_root() {
  const std::filesystem::path memory = "/dev/shm";
  return ::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
}

// A folder of this process and test, removed at the end.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name)
      : path_(scratch_root() / concat("ddpm_checkpoints_", ::getpid(), "_", name)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The disk without its waiting: what does not test crashes need not sync.
class HastyFiles : public FileLayer {
 public:
  std::unique_ptr<NewFile> create(const std::filesystem::path& target) override {
    return std::make_unique<HastyNewFile>(real_files().create(target));
  }
  void write(const std::filesystem::path& path, std::span<const std::byte> bytes) override {
    real_files().write(path, bytes);
  }
  void append(const std::filesystem::path& path, std::span<const std::byte> bytes) override {
    real_files().append(path, bytes);
  }
  void sync(const std::filesystem::path&) override {}
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    real_files().rename(from, to);
  }
  void make_folder(const std::filesystem::path& path) override { real_files().make_folder(path); }
  void remove_all(const std::filesystem::path& path) override { real_files().remove_all(path); }

 private:
  class HastyNewFile : public NewFile {
   public:
    explicit HastyNewFile(std::unique_ptr<NewFile> file) : file_(std::move(file)) {}
    void append(std::span<const std::byte> bytes) override { file_->append(bytes); }
    void sync() override {}
    void publish() override { file_->publish(); }

   private:
    std::unique_ptr<NewFile> file_;
  };
};

inline FileLayer& hasty_files() {
  static HastyFiles files;
  return files;
}

inline UNetConfig toy_unet() {
  return {.image_channels = 1,
          .height = 4,
          .width = 4,
          .levels = {{.channels = 4}},
          .blocks_per_level = 1,
          .norm_groups = 2,
          .dropout = 0.0};
}

// Numbers that differ from place to place and use all their bits; tiny and negative ones too.
inline ParameterValues toy_values(const UNetConfig& unet, double seed) {
  ParameterValues values;
  double k = seed;
  for (const NamedShape& parameter : unet_parameters(unet)) {
    int64_t count = 1;
    for (const int64_t extent : parameter.shape) count *= extent;
    values.emplace_back();
    for (int64_t i = 0; i < count; ++i) {
      k += 1.0;
      values.back().push_back(static_cast<float>(std::sin(k) * std::exp(-std::fmod(k, 90.0))));
    }
  }
  return values;
}

// The state and arrays of a step, each a function of the step alone.
struct ToyCheckpoint {
  explicit ToyCheckpoint(int64_t step) {
    state.unet = toy_unet();
    state.config.data = "toys";
    state.config.base_channels = 4;
    state.config.channel_multipliers = {1};
    state.config.blocks_per_level = 1;
    state.config.attention_resolutions = {};
    state.config.norm_groups = 2;
    state.config.dropout = 0.0;
    state.step = step;
    state.images_seen = 128 * step;
    state.optimizer_updates = step - 1;
    state.ema_updates = step - 1;
    state.skipped_updates = 1;
    state.bad_in_a_row = 1;
    state.data_fingerprint = "f00d";
    state.data_images = 3;
    state.carried = {{"loss_sum", {0.1 + static_cast<double>(step), 1e-300}}, {"nothing", {}}};
    const auto seed = static_cast<double>(step) * 1000.0;
    ema = toy_values(state.unet, seed);
    raw = toy_values(state.unet, seed + 0.25);
    first = toy_values(state.unet, seed + 0.5);
    second = toy_values(state.unet, seed + 0.75);
  }

  TrainingArrays arrays() const {
    return {views_of(ema), views_of(raw), views_of(first), views_of(second)};
  }

  TrainingState state;
  ParameterValues ema, raw, first, second;
};

// Saves a checkpoint of this step and removes none.
inline std::filesystem::path save_toy(CheckpointStore& store, int64_t step) {
  const ToyCheckpoint toy(step);
  return store.save(toy.state, toy.arrays(), {.last = 0});
}

// A run folder that is ready to be written to.
struct ToyRun {
  explicit ToyRun(const std::string& name) : scratch(name), path(scratch.path() / "run") {
    prepare_run_folder(path, hasty_files());
  }
  ScratchFolder scratch;
  std::filesystem::path path;
};

}  // namespace ddpm
