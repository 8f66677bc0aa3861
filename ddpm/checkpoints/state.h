// What a training run has to keep so that it can go on as if it had never stopped.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/config/train_config.h"
#include "ddpm/diffusers/model_config.h"
#include "ddpm/diffusers/parameters.h"
#include "ddpm/unet/config.h"

namespace ddpm {

// Everything but the arrays. Randomness needs no place here: it is a function of config.seed and of
// the counters.
struct TrainingState {
  TrainConfig config;
  UNetConfig unet;                // as built: with the extents of the data
  int64_t step = 0;               // steps done, skipped updates among them
  int64_t images_seen = 0;        // training samples drawn
  int64_t optimizer_updates = 0;  // Adam's k
  int64_t ema_updates = 0;
  int64_t skipped_updates = 0;  // for a loss or gradient that was not finite
  int64_t bad_in_a_row = 0;     // of these, the last ones without an update between
  std::string data_fingerprint;
  int64_t data_images = 0;
  // What else goes from step to step, by name: the sums of a log line that is not yet written.
  // Finite.
  std::map<std::string, std::vector<double>> carried;
};

// The arrays of a checkpoint, each one a set of the network's parameters.
struct TrainingArrays {
  ParameterArrays ema;            // the averaged weights, which are sampled from
  ParameterArrays raw;            // the weights as the optimiser left them
  ParameterArrays first_moment;   // Adam's m
  ParameterArrays second_moment;  // Adam's v
};

// The network as built, and the process that the configuration trains it for.
ModelConfig model_config_of(const TrainConfig& config, const UNetConfig& unet);

// state.json. The network is not in it: it stands in unet/config.json.
Json state_to_json(const TrainingState& state);

// Throws FormatError that starts with `who` for a key that is unknown, missing or of another kind,
// and NewerVersion for a file of a newer version. The network is left as `unet` says.
TrainingState state_from_json(const Json& json, const UNetConfig& unet, const std::string& who);

}  // namespace ddpm
