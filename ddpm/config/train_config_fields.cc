// The list of fields of a TrainConfig: key, meaning and range.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/config/field_codec.h"
#include "ddpm/config/train_config.h"
#include "ddpm/diffusion/loss_weight.h"
#include "ddpm/diffusion/reverse_variance.h"
#include "ddpm/unet/precision.h"

namespace ddpm {

namespace {

// The shortest decimals that read back as the same number, without an exponent where people would
// not write one.
std::string number_text(double value) {
  const double size = std::abs(value);
  if (size != 0.0 && (size < 1e-5 || size >= 1e15)) return shortest(value);
  std::array<char, 64> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  return {text.data(), end.ptr};
}

// A value in JSON as it is written on a command line.
std::string plain_text(const Json& value) {
  if (value.is_null()) return "none";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return number_text(value.get<double>());
  if (!value.is_array()) return value.dump();
  std::vector<std::string> words;
  for (const Json& part : value) words.push_back(plain_text(part));
  return words.empty() ? "none" : join(words, ",");
}

// The words of an enumeration, in their order.
template <typename Value>
using Words = std::vector<std::pair<std::string, Value>>;

template <typename Value, size_t n>
Words<Value> words_of(const std::array<Named<Value>, n>& table) {
  Words<Value> words;
  for (const Named<Value>& row : table) words.emplace_back(row.name, row.value);
  return words;
}

template <typename Value>
Words<Value> words_of(const std::vector<Value>& values) {
  Words<Value> words;
  for (const Value value : values) words.emplace_back(to_string(value), value);
  return words;
}

template <typename Value>
FieldCodec<Value> choice(const Words<Value>& words) {
  std::vector<std::string> names;
  for (const auto& word : words) names.push_back(word.first);
  const FieldCodec<std::string> text = one_of(names);
  const auto value_of = [words](const std::optional<std::string>& name) -> std::optional<Value> {
    for (const auto& word : words) {
      if (name == word.first) return word.second;
    }
    return std::nullopt;
  };
  return {.metavar = text.metavar,
          .expected = text.expected,
          .from_text = value_of,
          .from_json = [=](const Json& json) { return value_of(text.from_json(json)); },
          .to_json =
              [=](const Value& value) {
                const auto has_value = [&](const auto& word) { return word.second == value; };
                const auto found = std::ranges::find_if(words, has_value);
                DDPM_ASSERT(found != words.end());  // an integer cast to the enumeration
                return Json(found->first);
              },
          .words = text.words};
}

template <typename T, typename Get, typename Set>
ConfigField field(const std::string& key, Get get, Set set, const FieldCodec<T>& codec,
                  const std::string& help) {
  ConfigField result;
  result.key = key;
  result.help = help + "; " + codec.expected;
  result.metavar = codec.metavar;
  result.words = codec.words;
  result.get = [get, codec](const TrainConfig& config) { return codec.to_json(get(config)); };
  result.set_json = [set, codec, key](TrainConfig& config, const Json& json) {
    set(config, codec.read(key, json));
  };
  result.set_text = [set, codec, key](TrainConfig& config, const std::string& text) {
    set(config, codec.parse(key, text));
  };
  result.check_text = [codec, key](const std::string& text) { codec.parse(key, text); };
  return result;
}

template <typename T>
ConfigField field(const std::string& key, T TrainConfig::*member, const FieldCodec<T>& codec,
                  const std::string& help) {
  return field<T>(
      key, [member](const TrainConfig& config) { return config.*member; },
      [member](TrainConfig& config, const T& value) { config.*member = value; }, codec, help);
}

template <typename T>
ConfigField field(const std::string& key, T LossWeightOptions::*member, const FieldCodec<T>& codec,
                  const std::string& help) {
  return field<T>(
      key, [member](const TrainConfig& config) { return config.loss_weight.*member; },
      [member](TrainConfig& config, const T& value) { config.loss_weight.*member = value; }, codec,
      help);
}

// A field with the words of an enumeration; `table` as words_of takes it.
template <typename Owner, typename Value, typename Table>
ConfigField choice_field(const std::string& key, Value Owner::*member, const Table& table,
                         const std::string& help) {
  return field(key, member, choice(words_of(table)), help);
}

ConfigField image_size() {
  return field<Extents>(
      "image_size",
      [](const TrainConfig& config) {
        return Extents{config.height, config.width};
      },
      [](TrainConfig& config, const Extents& size) {
        config.height = size.first;
        config.width = size.second;
      },
      image_extents(),
      "height and width of the images to learn, in pixels; auto: as the data has them");
}

ConfigField switch_field(const std::string& key, bool TrainConfig::*member,
                         const std::string& help) {
  ConfigField result = field(key, member, yes_or_no(), help);
  result.is_switch = true;
  return result;
}

std::vector<ConfigField> data_fields() {
  return {
      field("data", &TrainConfig::data, any_text(),
            "what to learn from: fashion-mnist, or a folder, archive, IDX file, MNIST or CIFAR-10 "
            "folder"),
      image_size(),
      field(
          "channels", &TrainConfig::channels, channel_count(),
          "1 gray, 3 colour, 4 colour with transparency; auto: 4 below 99 % mean opacity, 1 if all "
          "pixels are gray, else 3"),
      choice_field("fit", &TrainConfig::fit, kFits,
                   "how images of another size are made to fit; none refuses them"),
      switch_field("flip", &TrainConfig::flip,
                   "mirror each training sample left to right with probability 1/2"),
      field("max_bad_files", &TrainConfig::max_bad_files, share(),
            "share of unreadable files that is passed over"),
      field("data_cache_bytes", &TrainConfig::data_cache_bytes, auto_or_whole(0),
            "decoded images to keep in memory, in bytes; the others are decoded whenever they are "
            "used; auto: half of the memory available at the start"),
      field("loader_threads", &TrainConfig::loader_threads, auto_or_whole(1, 256),
            "threads that make batches beside the training; auto: half of the usable cores, from 1 "
            "to 8"),
  };
}

std::vector<ConfigField> network_fields() {
  return {
      field("base_channels", &TrainConfig::base_channels, whole(1, 4096),
            "channels of the top level, even and a multiple of norm_groups"),
      field("channel_multipliers", &TrainConfig::channel_multipliers, auto_or_list(1, 64),
            "channels of each level over base_channels, top level first, which has 1; auto: by the "
            "images' size"),
      field("blocks_per_level", &TrainConfig::blocks_per_level, whole(1, 16),
            "residual blocks of a level on the way down; one more on the way up"),
      field("attention_resolutions", &TrainConfig::attention_resolutions, auto_or_list(0, 8192),
            "heights of the levels that have attention, in pixels; auto: the largest up to 16"),
      field("norm_groups", &TrainConfig::norm_groups, whole(1, 4096),
            "groups of the group normalisation"),
      field("norm_epsilon", &TrainConfig::norm_epsilon, between_0_1(),
            "what the group normalisation adds to a variance"),
      field("dropout", &TrainConfig::dropout, below_one(), "probability of a dropped activation"),
      field("network", &TrainConfig::network, network_or_file(),
            "a UNet2DModel of any kind in place of the keys from base_channels to norm_epsilon, at "
            "the images' size"),
      field("init_from", &TrainConfig::init_from, any_text(),
            "a run or checkpoint whose averaged weights to begin with, and whose network and "
            "process where no key asks for another"),
  };
}

// The kinds that have betas of their own, then the list.
std::vector<ScheduleKind> schedule_choices() {
  std::vector<ScheduleKind> kinds = all_schedule_kinds();
  kinds.push_back(ScheduleKind::kList);
  return kinds;
}

std::vector<ConfigField> process_fields() {
  return {
      choice_field("schedule", &TrainConfig::schedule, schedule_choices(), "the noise schedule"),
      field("T", &TrainConfig::T, whole(1, 100000), "steps of the diffusion process"),
      field("beta_1", &TrainConfig::beta_1, share(),
            "where the betas begin: linear, linear_scaled, quadratic, warmup10, warmup50, sigmoid"),
      field("beta_T", &TrainConfig::beta_T, share(), "where they end; of constant, all of them"),
      field("betas", &TrainConfig::betas, shares_or_file(), "all T of them, of the schedule list"),
      switch_field("zero_terminal_snr", &TrainConfig::zero_terminal_snr,
                   "rescale the betas so that nothing of the image is left at T; not with eps"),
      choice_field(
          "prediction", &TrainConfig::prediction, all_predictions(),
          "what the network predicts: the noise, the image, the mean of q(x_{t-1} given x_t, x_0), "
          "or v = signal eps - sigma x_0"),
      choice_field(
          "variance", &TrainConfig::variance, all_variances(),
          "of a reverse step: beta_t, the posterior's, e to what the network says, or between the "
          "first two as the network says"),
  };
}

std::vector<ConfigField> loss_fields() {
  return {
      choice_field("loss", &TrainConfig::loss, kLossKinds,
                   "simple: the error of the prediction; bound: the variational bound, in bits per "
                   "dimension; hybrid: simple, and the bound for a learned variance alone"),
      field("hybrid_weight", &TrainConfig::hybrid_weight, at_least_zero(),
            "of the bound in the hybrid loss"),
      choice_field("loss_weight", &LossWeightOptions::kind, all_loss_weights(),
                   "how much an error counts at each t, in simple and hybrid"),
      field("min_snr_gamma", &LossWeightOptions::min_snr_gamma, above_zero(),
            "the largest signal-to-noise ratio that min_snr counts"),
      field("p2_gamma", &LossWeightOptions::p2_gamma, at_least_zero(),
            "the power of p2; at 0 it is snr"),
      field("p2_k", &LossWeightOptions::p2_k, above_zero(),
            "what p2 adds to the signal-to-noise ratio"),
      choice_field("error", &TrainConfig::error, kErrorKinds,
                   "of a prediction, in simple and hybrid"),
      field("huber_delta", &TrainConfig::huber_delta, above_zero(),
            "the error from which huber grows in proportion to it"),
      choice_field(
          "timestep_sampling", &TrainConfig::timestep_sampling, kTimestepSamplings,
          "how the times of the training samples are drawn; importance: more often where losses "
          "were large, with weights that undo it"),
  };
}

std::vector<ConfigField> optimisation_fields() {
  return {
      field("steps", &TrainConfig::steps, whole(1, kMaxCount),
            "updates of the weights in the whole run"),
      field("batch_size", &TrainConfig::batch_size, whole(1, 65536), "images in an update"),
      field("learning_rate", &TrainConfig::learning_rate, above_0_to_1(),
            "Adam's step size after the warm-up"),
      field("warmup", &TrainConfig::warmup, whole(0, kMaxCount),
            "updates over which the learning rate rises from 0"),
      choice_field("learning_rate_decay", &TrainConfig::learning_rate_decay, kLearningRateDecays,
                   "after the warm-up; cosine falls to 0 at `steps`"),
      field("adam_beta1", &TrainConfig::adam_beta1, below_one(), "decay of Adam's first moment"),
      field("adam_beta2", &TrainConfig::adam_beta2, below_one(), "decay of Adam's second moment"),
      field("adam_epsilon", &TrainConfig::adam_epsilon, between_0_1(), "what Adam adds to a root"),
      field("gradient_clip", &TrainConfig::gradient_clip, at_least_zero(),
            "largest norm of all gradients together; 0: any"),
      field("ema_decay", &TrainConfig::ema_decay, below_one(),
            "decay of the weights' moving average"),
      choice_field("ema_rule", &TrainConfig::ema_rule, kEmaRules,
                   "warmup: at most (1 + n) / (10 + n) at update n + 1"),
      choice_field("precision", &TrainConfig::precision, kPrecisions,
                   "of the network's products; sums and weights are float32"),
      field("device", &TrainConfig::device, device_name(), "where to train"),
      field("seed", &TrainConfig::seed, whole(0), "of every random number"),
      field("threads", &TrainConfig::threads, whole(0, 4096),
            "0: one for each core that the process may use, within its CPU quota"),
      field(
          "max_bad_steps", &TrainConfig::max_bad_steps, whole(1, kMaxCount),
          "skipped updates in a row, for loss or gradients that are not finite, that end the run"),
  };
}

std::vector<ConfigField> output_fields() {
  return {
      field("save_every", &TrainConfig::save_every, whole(0, kMaxCount),
            "steps between checkpoints; 0: only at the end"),
      field("sample_every", &TrainConfig::sample_every, whole(0, kMaxCount),
            "steps between previews, and one more at the end; 0: none"),
      field("log_every", &TrainConfig::log_every, whole(1, kMaxCount),
            "steps a line of the log sums up"),
      field("keep_last", &TrainConfig::keep_last, whole(0, kMaxCount),
            "newest checkpoints to keep; 0: all"),
      field("keep_every", &TrainConfig::keep_every, whole(0, kMaxCount),
            "keep also the checkpoints whose step is a multiple of this; 0: none"),
      field("time_limit", &TrainConfig::time_limit, duration(),
            "end with a checkpoint after so long, counted from the start of the process; 0: no "
            "limit"),
      choice_field("sampler", &TrainConfig::sampler, kPreviewSamplers, "of the previews"),
      field("sample_steps", &TrainConfig::sample_steps, whole(1, 100000),
            "network calls for a preview, at most T"),
      field("sample_count", &TrainConfig::sample_count, whole(1, 4096), "images in a preview"),
  };
}

std::vector<ConfigField> all_fields() {
  std::vector<ConfigField> all;
  for (auto group : {data_fields, network_fields, process_fields, loss_fields, optimisation_fields,
                     output_fields}) {
    for (ConfigField& one : group()) all.push_back(std::move(one));
  }
  for (ConfigField& one : all) {
    one.may_change_on_resume = one.key == "data" || one.key == "device" || one.key == "threads" ||
                               one.key == "data_cache_bytes" || one.key == "loader_threads" ||
                               one.key == "time_limit" || one.key == "steps";
  }
  return all;
}

}  // namespace

std::string ConfigField::text(const TrainConfig& config) const { return plain_text(get(config)); }

const std::vector<ConfigField>& train_config_fields() {
  static const std::vector<ConfigField> fields = all_fields();
  return fields;
}

const std::vector<std::string>& network_keys() {
  static const std::vector<std::string> keys = {"base_channels",    "channel_multipliers",
                                                "blocks_per_level", "attention_resolutions",
                                                "norm_groups",      "norm_epsilon"};
  return keys;
}

const ConfigField& train_config_field(const std::string& key) {
  std::vector<std::string> keys;
  for (const ConfigField& one : train_config_fields()) {
    if (one.key == key) return one;
    keys.push_back(one.key);
  }
  throw InvalidArgument(
      concat(json_shown(Json(key)), " is no key of a configuration", did_you_mean(key, keys)));
}

}  // namespace ddpm
