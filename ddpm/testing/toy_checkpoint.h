// Checkpoints of a small network, each a function of its step, and a run to save them in.

#pragma once

#include <filesystem>
#include <string>

#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/checkpoints/state.h"
#include "ddpm/checkpoints/store.h"
#include "ddpm/testing/hasty_files.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_unet.h"

namespace ddpm {

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
  ToyRun() { prepare_run_folder(path, hasty_files()); }
  TemporaryFolder scratch;
  std::filesystem::path path = scratch / "run";
};

}  // namespace ddpm
