// What a state dictionary does not say, and what the system that wrote it has where nothing is
// said.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/convert/source_layout.h"
#include "ddpm/diffusers/model_config.h"

namespace ddpm {

// As a person gave them; nothing stands for the system's own default.
struct ConvertSettings {
  std::optional<int64_t> image_size = {};        // pixels a side
  std::optional<int64_t> heads = {};             // of every attention; OpenAI's systems only
  std::optional<int64_t> head_channels = {};     // of a head; openai-guided only
  std::optional<QkvOrder> attention_order = {};  // openai-guided only
  std::optional<bool> rescale_timesteps = {};    // OpenAI's systems only
  std::optional<ScheduleConfig> schedule = {};   // all of it but T
  std::optional<int64_t> T = {};                 // of a list it is the length of betas
  std::optional<Prediction> prediction = {};
  std::optional<Variance> variance = {};
  std::optional<double> dropout = {};  // in [0, 1); only further training would notice
};

// A layout with all that it did not say.
struct SettledModel {
  ModelConfig model;
  QkvOrder order = QkvOrder::kPartsFirst;
  std::vector<std::string> assumed;  // "4 heads (--heads)": each setting that was not given
};

// Every setting, and the network made whole by them: its size, heads, dropout and, where the system
// rescaled the times to n * 1000 / T, a table of T learned times. Throws InvalidArgument that names
// the flag for a setting that the system has not, or that does not go with the network: heads of
// different widths at different levels, an image size that the attention's levels make unlikely and
// nobody gave, a learned variance without its channels.
SettledModel settle(const SourceLayout& layout, SourceSystem system,
                    const ConvertSettings& settings);

}  // namespace ddpm
