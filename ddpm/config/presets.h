// Configurations that go by a name: the paper's, and small ones to begin with.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ddpm/config/train_config.h"

namespace ddpm {

struct Preset {
  std::string name;
  std::string summary;  // one line
  TrainConfig config;   // `data` is empty where it has to be named
};

const std::vector<Preset>& presets();

std::vector<std::string> preset_names();

// Throws InvalidArgument that lists the names, and the nearest one, for another name.
const Preset& find_preset(std::string_view name);
TrainConfig preset(std::string_view name);

}  // namespace ddpm
