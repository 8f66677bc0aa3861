#include "ddpm/config/train_config.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/json.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusion/bound.h"
#include "ddpm/diffusion/reverse_variance.h"

namespace ddpm {

namespace {

constexpr double kPi = 3.14159265358979323846;

// "learning_rate: 0.0002 in the run, 0.001 asked for".
std::string difference(const ConfigField& field, const TrainConfig& run, const TrainConfig& asked) {
  return concat(field.key, ": ", field.text(run), " in the run, ", field.text(asked), " asked for");
}

// The height of the first level that has at most as many rows as the paper's networks have where
// they have attention.
std::vector<int64_t> attention_for(int64_t height, int64_t levels) {
  constexpr int64_t kMostRows = 16;
  for (int64_t level = 0; level < levels; ++level) {
    if (height >> level <= kMostRows) return {height >> level};
  }
  return {};
}

// Every weight is a float32.
void check_weights(const TrainConfig& config, const Schedule& schedule) {
  if (needs_fixed_variance(config.loss_weight.kind) && is_learned(config.variance)) return;
  for (int64_t t = 1; t <= schedule.steps(); ++t) {
    loss_weight(config.loss_weight, config.prediction, config.variance, schedule, t);
  }
}

// The loss, its weights and the variance belong together.
void check_objective(const TrainConfig& config, const Schedule& schedule) {
  if (has_bound(config.loss)) check_bound(schedule, "loss");
  if (has_error(config.loss)) check_weights(config, schedule);
  const bool learned = is_learned(config.variance);
  const LossWeight weight = config.loss_weight.kind;
  DDPM_CHECK(!learned || has_bound(config.loss), "variance: the loss ",
             name_of(kLossKinds, config.loss), " does not train one that is ",
             to_string(config.variance), "; wanted the loss bound or hybrid, or a fixed variance");
  DDPM_CHECK(learned || config.loss != LossKind::kHybrid,
             "loss: hybrid trains a learned variance, got the variance ",
             to_string(config.variance));
  DDPM_CHECK(has_error(config.loss) ||
                 (weight == LossWeight::kNone && config.error == ErrorKind::kSquared),
             "loss: bound has its own weights and squared errors, got loss_weight ",
             to_string(weight), " and error ", name_of(kErrorKinds, config.error));
  DDPM_CHECK(!learned || !needs_fixed_variance(weight), "loss_weight: ", to_string(weight),
             " wants a fixed variance, got ", to_string(config.variance));
}

UNetConfig given_network(const TrainConfig& config, int64_t channels, int64_t height,
                         int64_t width) {
  UNetConfig unet = *config.network;
  unet.image_channels = channels;
  unet.height = height;
  unet.width = width;
  unet.dropout = config.dropout;
  unet.learned_variance = is_learned(config.variance);
  check_unet_config(unet);
  DDPM_CHECK(unet.classes == 0, "network: wanted one without classes, got ", unet.classes,
             " classes, which cannot be trained here");
  DDPM_CHECK(unet.learned_times == 0 || unet.learned_times >= config.T, "network: its table of ",
             unet.learned_times, " times must have T, ", config.T);
  return unet;
}

// From 1 to 0 as `done`, the fraction of the run, goes from 0 to 1; then 0.
double cosine_decay(double done) { return 0.5 * (1.0 + std::cos(kPi * std::min(done, 1.0))); }

bool may_change(const ConfigField& field, const TrainConfig& run) {
  if (field.key == "steps") return run.learning_rate_decay == LearningRateDecay::kConstant;
  return field.may_change_on_resume;
}

}  // namespace

Json train_config_to_json(const TrainConfig& config) {
  Json json = Json::object();
  for (const ConfigField& field : train_config_fields()) json[field.key] = field.get(config);
  return json;
}

TrainConfig train_config_from_json(const Json& json, const std::string& who,
                                   const TrainConfig& base) {
  DDPM_CHECK(json.is_object(), who, ": a configuration must be a JSON object, got ",
             json.type_name());
  TrainConfig config = base;
  for (const auto& [key, value] : json.items()) {
    try {
      train_config_field(key).set_json(config, value);
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(concat(who, ": ", error.what()));
    }
  }
  return config;
}

void check_train_config(const TrainConfig& config, const std::string& who) {
  try {
    TrainConfig copy = config;
    for (const ConfigField& field : train_config_fields()) {
      field.set_json(copy, field.get(config));  // sets what is there already, and so checks it
    }
    const Schedule schedule = make_schedule(schedule_config_of(config));
    check_prediction(config.prediction, schedule, "prediction");
    check_objective(config, schedule);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(concat(who, ": ", error.what()));
  }
  DDPM_CHECK(config.base_channels % config.norm_groups == 0, who,
             ": base_channels must be a multiple of norm_groups, ", config.norm_groups, ", got ",
             config.base_channels);
  DDPM_CHECK(config.sample_steps <= config.T, who, ": sample_steps must be at most T, ", config.T,
             ", got ", config.sample_steps);
  if (config.height > 0) {
    unet_config_of(config, std::max<int64_t>(config.channels, 1), config.height, config.width);
  }
}

const TrainConfig& checked(const TrainConfig& config, const std::string& who) {
  check_train_config(config, who);
  return config;
}

std::vector<std::string> differences(const TrainConfig& run, const TrainConfig& asked) {
  std::vector<std::string> lines;
  for (const ConfigField& field : train_config_fields()) {
    if (field.get(run) != field.get(asked)) lines.push_back(difference(field, run, asked));
  }
  return lines;
}

TrainConfig check_resume(const TrainConfig& run, const TrainConfig& asked,
                         std::span<const std::string> given) {
  TrainConfig config = run;
  std::vector<std::string> refused;
  for (const std::string& key : given) {
    const ConfigField& field = train_config_field(key);
    if (field.get(run) == field.get(asked)) continue;
    if (may_change(field, run)) {
      field.set_json(config, field.get(asked));
    } else {
      refused.push_back(difference(field, run, asked));
    }
  }
  DDPM_CHECK(refused.empty(), "resume: a run keeps its settings, but ", join(refused, "; "));
  return config;
}

void check_same_run(const TrainConfig& trained, const TrainConfig& config, const std::string& who) {
  std::vector<std::string> changed;
  for (const ConfigField& field : train_config_fields()) {
    const Json expected = field.get(trained);
    const Json got = field.get(config);
    if (expected == got || may_change(field, trained)) continue;
    changed.push_back(
        concat(field.key, ": expected ", json_shown(expected), ", got ", json_shown(got)));
  }
  DDPM_CHECK(changed.empty(), who,
             ": the configuration is not the one that it was trained with: ", join(changed, "; "),
             "; a run's config.json keeps what it began with");
}

std::vector<int64_t> multipliers_for(int64_t height, int64_t width) {
  constexpr int64_t kLargeSide = 128;
  constexpr int64_t kLeastLowestSide = 4;
  constexpr int64_t kMostLowestSide = 16;
  const int64_t side = std::min(height, width);
  if (side >= kLargeSide) return {1, 1, 2, 2, 4, 4};
  std::vector<int64_t> four = {1, 2, 2, 2};
  for (int64_t levels = 4; levels >= 1; --levels) {
    const int64_t unit = int64_t{1} << (levels - 1);
    const bool halves = height % unit == 0 && width % unit == 0;
    const bool large_enough = levels == 1 || side / unit >= kLeastLowestSide;
    if (halves && large_enough && side / unit <= kMostLowestSide) {
      return {four.begin(), four.begin() + levels};
    }
  }
  return four;
}

UNetConfig unet_config_of(const TrainConfig& config, int64_t channels, int64_t height,
                          int64_t width) {
  if (config.network) return given_network(config, channels, height, width);
  const auto multipliers = config.channel_multipliers.value_or(multipliers_for(height, width));
  const auto attention =
      config.attention_resolutions.value_or(attention_for(height, std::ssize(multipliers)));
  UNetConfig unet{.image_channels = channels,
                  .height = height,
                  .width = width,
                  .levels = paper_levels(config.base_channels, multipliers, attention, height),
                  .blocks_per_level = config.blocks_per_level,
                  .norm_groups = config.norm_groups,
                  .norm_epsilon = config.norm_epsilon,
                  .dropout = config.dropout,
                  .learned_variance = is_learned(config.variance)};
  check_unet_config(unet);
  return unet;
}

TrainConfig with_network_of(TrainConfig config, const UNetConfig& unet) {
  if (config.network) {
    config.network = unet;
    return config;
  }
  config.channel_multipliers.emplace();
  config.attention_resolutions.emplace();
  for (int64_t i = 0; i < unet.level_count(); ++i) {
    const UNetLevel& level = unet.level(i);
    config.channel_multipliers->push_back(level.channels / unet.base_channels());
    if (level.attention_down) config.attention_resolutions->push_back(unet.height >> i);
  }
  return config;
}

ScheduleConfig schedule_config_of(const TrainConfig& config) {
  return {.kind = config.schedule,
          .T = config.T,
          .beta_1 = config.beta_1,
          .beta_T = config.beta_T,
          .betas = config.betas,
          .zero_terminal_snr = config.zero_terminal_snr};
}

std::string loss_text(const TrainConfig& config) {
  std::string text = name_of(kLossKinds, config.loss);
  if (config.loss_weight.kind != LossWeight::kNone) {
    text += ", weight " + to_string(config.loss_weight.kind);
  }
  if (config.error != ErrorKind::kSquared) text += ", error " + name_of(kErrorKinds, config.error);
  if (config.timestep_sampling == TimestepSampling::kImportance) text += ", times by importance";
  return text;
}

double learning_rate_at(const TrainConfig& config, int64_t step) {
  DDPM_CHECK(step >= 0, "learning_rate_at: step must be at least 0, got ", step);
  const auto k = static_cast<double>(step);
  double rate = config.learning_rate;
  if (step < config.warmup) rate *= k / static_cast<double>(config.warmup);
  switch (config.learning_rate_decay) {
    case LearningRateDecay::kConstant:
      return rate;
    case LearningRateDecay::kCosine:
      return rate * cosine_decay(k / static_cast<double>(config.steps));
  }
  DDPM_ASSERT(false);
}

}  // namespace ddpm
