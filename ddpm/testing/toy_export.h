// For tests: a small network with attention, and a checkpoint of it.

#pragma once

#include <string>

#include "ddpm/checkpoints/checkpoint.h"
#include "ddpm/checkpoints/state.h"
#include "ddpm/testing/toy_unet.h"

namespace ddpm {

// As small as release 0.2.4 of diffusers allows: 32 groups.
inline TrainConfig toy_config() {
  TrainConfig config;
  config.data = "/home/somebody/toys";
  config.height = config.width = 8;
  config.channels = 1;
  config.base_channels = 32;
  config.channel_multipliers = {1, 1};
  config.blocks_per_level = 1;
  config.attention_resolutions = {4};
  config.T = 20;
  config.seed = 11;
  return config;
}

inline UNetConfig export_unet() { return unet_config_of(toy_config(), 1, 8, 8); }

// The checkpoint that is exported; fill() after a change of state.unet.
struct ToyExport {
  ToyExport() {
    state.config = toy_config();
    state.unet = export_unet();
    state.step = 30;
    state.images_seen = 3840;
    state.ema_updates = 29;
    state.data_fingerprint = "f00d";
    state.data_images = 60;
    fill();
  }
  void fill() {
    ema = toy_values(state.unet, 0.0);
    raw = toy_values(state.unet, 0.5);
  }
  void write(const std::filesystem::path& path) const {
    write_checkpoint(path, state, {views_of(ema), views_of(raw), views_of(raw), views_of(raw)});
  }

  TrainingState state;
  ParameterValues ema, raw;
};

}  // namespace ddpm
