// The README.md of an exported folder: the model card that Hugging Face shows, for whoever finds
// the folder without the run that it came from.

#pragma once

#include <optional>
#include <string>

#include "ddpm/checkpoints/state.h"
#include "ddpm/diffusers/model_config.h"
#include "ddpm/export/origin.h"
#include "ddpm/runlog/run_log.h"

namespace ddpm {

// All that is known of an export; what is not is absent from the card.
struct CardFacts {
  std::string name;          // of the folder
  std::string license = {};  // as Hugging Face spells it; "" for none
  bool old_form = false;     // written for diffusers 0.2.4
  ModelConfig model;
  ExportOrigin origin;
  std::optional<TrainingState> training;
  std::optional<MetricsRow> last_log_line;  // up to that training's step
  std::string command = {};                 // that exported it, as a shell reads it
};

// `ddpm train ..` with every setting that is not the default's and changes a number of the run;
// "betas.txt" stands for a list of betas. Of where the data lay only the last part is said.
std::string training_command(const TrainConfig& config);

// Markdown behind YAML; ends with a newline.
std::string model_card(const CardFacts& facts);

}  // namespace ddpm
