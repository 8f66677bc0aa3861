// Everything a training run is: its data, its network, its process and its optimisation.
//
// One list of fields describes a configuration: it drives the flags of the command line, the
// config.json of a run, the check of each range, and the differences between two runs.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/fit.h"
#include "ddpm/base/json.h"
#include "ddpm/config/choices.h"
#include "ddpm/diffusion/loss_weight.h"
#include "ddpm/diffusion/prediction.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/unet/config.h"
#include "ddpm/unet/precision.h"

namespace ddpm {

// The defaults are the paper's for CIFAR-10. docs/run_folder.md lists every key with its range.
struct TrainConfig {
  std::string data;             // what to learn from, as --data takes it
  int64_t height = 0;           // pixels; 0: as the data has it
  int64_t width = 0;            // pixels; 0 if and only if height is
  int64_t channels = 0;         // 1, 3 or 4; 0: as the data has it
  Fit fit = Fit::kNone;         // of images of another size
  bool flip = true;             // mirror each training sample with probability 1/2
  double max_bad_files = 0.01;  // share of unreadable files that is passed over, in [0, 1]
  std::optional<int64_t> data_cache_bytes;  // of decoded images; none: by the available memory
  std::optional<int64_t> loader_threads;    // that make batches; none: by the usable cores

  int64_t base_channels = 128;
  std::optional<std::vector<int64_t>> channel_multipliers;  // none: multipliers_for the images
  int64_t blocks_per_level = 2;
  std::optional<std::vector<int64_t>> attention_resolutions;  // none: at 16 pixels or just below
  int64_t norm_groups = 32;
  double norm_epsilon = 1e-6;
  double dropout = 0.1;
  // Any network that UNet2DModel can be, in place of the six fields before dropout; the images'
  // size, dropout and whether a variance is learned are nevertheless this configuration's.
  std::optional<UNetConfig> network;
  // A run or a checkpoint whose averaged weights are begun with; empty: with weights by the seed.
  std::string init_from;

  ScheduleKind schedule = ScheduleKind::kLinear;
  int64_t T = 1000;
  double beta_1 = 1e-4;            // of schedules that have ends, in [0, 1]
  double beta_T = 0.02;            // likewise
  std::vector<double> betas;       // of the schedule "list", T of them
  bool zero_terminal_snr = false;  // nothing of the image is left at T
  Prediction prediction = Prediction::kEps;
  Variance variance = Variance::kFixedLarge;  // of the reverse steps

  LossKind loss = LossKind::kSimple;
  double hybrid_weight = 0.001;           // of the bound in the hybrid loss
  LossWeightOptions loss_weight;          // of simple and hybrid
  ErrorKind error = ErrorKind::kSquared;  // of simple and hybrid
  double huber_delta = 1.0;               // where Huber's error turns from squared to absolute
  TimestepSampling timestep_sampling = TimestepSampling::kStratified;

  int64_t steps = 800000;
  int64_t batch_size = 128;
  double learning_rate = 2e-4;
  int64_t warmup = 5000;  // updates
  LearningRateDecay learning_rate_decay = LearningRateDecay::kConstant;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double gradient_clip = 1.0;  // largest global norm; 0: any
  double ema_decay = 0.9999;
  EmaRule ema_rule = EmaRule::kWarmup;
  Precision precision = Precision::kFloat32;
  std::string device = "auto";  // auto, cpu, cuda or cuda:N
  int64_t seed = 0;
  int64_t threads = 0;  // 0: one for each usable core
  int64_t max_bad_steps = 10;

  int64_t save_every = 5000;    // steps; 0: only at the end
  int64_t sample_every = 5000;  // steps; 0: no previews
  int64_t log_every = 100;      // steps
  int64_t keep_last = 3;        // checkpoints; 0: all
  int64_t keep_every = 0;       // steps; 0: none is kept for its step
  double time_limit = 0.0;      // seconds; 0: none
  PreviewSampler sampler = PreviewSampler::kDdim;
  int64_t sample_steps = 50;  // of the previews, in [1, T]
  int64_t sample_count = 64;  // images in a preview

  bool operator==(const TrainConfig&) const = default;
};

// One field, which is a key of config.json, a key of --config and a flag. Those that set leave the
// configuration unchanged when they throw InvalidArgument "key: wanted ..., got ...".
struct ConfigField {
  std::string key;                    // "learning_rate"; the flag is --learning-rate
  std::string help;                   // meaning, unit and range
  std::string metavar;                // "N", "crop|pad|stretch"
  bool is_switch = false;             // --key and --no-key
  bool may_change_on_resume = false;  // on other terms for `steps`: see check_resume
  std::function<Json(const TrainConfig&)> get;
  std::function<void(TrainConfig&, const Json&)> set_json;
  std::function<void(TrainConfig&, const std::string&)> set_text;
  std::function<void(const std::string&)> check_text;  // throws as set_text does
  std::vector<std::string> words;  // of an enumeration: all of them; otherwise none

  std::string text(const TrainConfig& config) const;  // as set_text takes it
};

const std::vector<ConfigField>& train_config_fields();          // in the order of a run's life
const ConfigField& train_config_field(const std::string& key);  // InvalidArgument: no such key

// The keys that describe the paper's networks, which `network` stands in for.
const std::vector<std::string>& network_keys();

// Every field, defaults too.
Json train_config_to_json(const TrainConfig& config);

// `base` with what `json` says. Throws FormatError that starts with `who` for a key that does not
// exist, naming the nearest one, and for a value out of its range.
TrainConfig train_config_from_json(const Json& json, const std::string& who,
                                   const TrainConfig& base = {});

// Throws InvalidArgument "who: field: wanted ..., got ..." unless every field is in its range and
// the fields fit together. What depends on the data's size waits for unet_config_of.
void check_train_config(const TrainConfig& config, const std::string& who);
// The same configuration, checked: for the first member of a class that takes one.
const TrainConfig& checked(const TrainConfig& config, const std::string& who);

// "learning_rate: 0.0002 in the run, 0.001 asked for", a line a field that differs.
std::vector<std::string> differences(const TrainConfig& run, const TrainConfig& asked);

// The configuration to go on with: the run's, and of those fields whose keys were `given` what was
// `asked`, where that may change: data (the fingerprint decides), device, threads, time_limit, and
// steps if the learning rate does not depend on it. Throws InvalidArgument with the differences if
// another field was given another value.
TrainConfig check_resume(const TrainConfig& run, const TrainConfig& asked,
                         std::span<const std::string> given);

// Throws InvalidArgument that starts with `who` and lists the differences unless a run of
// configuration `config` is the one that the checkpoint with `trained` belongs to: all fields have
// the same values but for those that check_resume lets change.
void check_same_run(const TrainConfig& trained, const TrainConfig& config, const std::string& who);

// The levels of a network for images of this size, where a configuration leaves them open: the
// paper's six from 128 pixels on; else the paper's four, or as many of them as halve the size
// without a rest and leave at least 4 pixels. Of a size that cannot be halved to 16 pixels or fewer
// it gives four, which check_unet_config then refuses with the nearest sizes that can.
std::vector<int64_t> multipliers_for(int64_t height, int64_t width);

// The network for images of these extents. Throws InvalidArgument as check_unet_config does.
UNetConfig unet_config_of(const TrainConfig& config, int64_t channels, int64_t height,
                          int64_t width);
// The configuration with what it left open about the network as `unet`, made from it, has it.
TrainConfig with_network_of(TrainConfig config, const UNetConfig& unet);
ScheduleConfig schedule_config_of(const TrainConfig& config);

// What is made small, for a person: "simple", "simple, weight min_snr", "hybrid, error huber".
std::string loss_text(const TrainConfig& config);

// Of the update that takes the run from `step` to `step + 1`, step in [0, steps):
//   learning_rate * min(step / warmup, 1)                                    constant
//   the same * (1 + cos(pi step / steps)) / 2, which would be 0 at `steps`   cosine
// As in the paper's code, the first update of a warm-up has rate 0: it changes Adam's moments only.
double learning_rate_at(const TrainConfig& config, int64_t step);

}  // namespace ddpm
