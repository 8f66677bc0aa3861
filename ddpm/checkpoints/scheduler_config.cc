#include "ddpm/checkpoints/scheduler_config.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

// Words of this library and of diffusers.
struct Words {
  const char* ours;
  const char* theirs;
};
constexpr Words kSchedules[] = {{"linear", "linear"},
                                {"quadratic", "scaled_linear"},
                                {"cosine", "squaredcos_cap_v2"},
                                {"sigmoid", "sigmoid"},
                                {"laplace", "laplace"}};
// diffusers has no word for the mean; it opens such a checkpoint and refuses to sample from it.
constexpr Words kPredictions[] = {
    {"eps", "epsilon"}, {"x0", "sample"}, {"mean", "mean"}, {"v", "v_prediction"}};

template <size_t n>
std::optional<std::string> theirs_of(const Words (&words)[n], const std::string& ours) {
  for (const Words& word : words) {
    if (ours == word.ours) return word.theirs;
  }
  return std::nullopt;
}

// diffusers' DDPMScheduler with all its fields, as its constructor has them.
Json scheduler_defaults() {
  return {{"beta_end", 0.02},
          {"beta_schedule", "linear"},
          {"beta_start", 0.0001},
          {"clip_sample", true},
          {"clip_sample_range", 1.0},
          {"dynamic_thresholding_ratio", 0.995},
          {"num_train_timesteps", 1000},
          {"prediction_type", "epsilon"},
          {"rescale_betas_zero_snr", false},
          {"sample_max_value", 1.0},
          {"steps_offset", 0},
          {"thresholding", false},
          {"timestep_spacing", "leading"},
          {"trained_betas", nullptr},
          {"variance_type", "fixed_small"}};
}

// The fields that this library has only one value for, with that value.
Json only_values() {
  return {{"clip_sample", true},
          {"clip_sample_range", 1.0},
          {"steps_offset", 0},
          {"thresholding", false}};
}

// The fields of a scheduler, read with the checks that a file needs.
class SchedulerFields {
 public:
  SchedulerFields(const Json& json, std::string who)
      : fields_(scheduler_defaults()), who_(std::move(who)) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : fields_.items()) keys.push_back(key);
    for (const auto& [key, value] : json.items()) {
      if (key.rfind('_', 0) == 0) continue;
      if (!fields_.contains(key)) {
        throw FormatError(
            concat(who_, ": unknown key ", json_shown(Json(key)), did_you_mean(key, keys)));
      }
      fields_[key] = value;
    }
  }

  void expect_only_values() const {
    const Json only = only_values();
    for (const auto& [key, value] : only.items()) {
      if (fields_[key] != value) fail(key, json_shown(value));
    }
  }

  double number(const std::string& key) const {
    if (!fields_[key].is_number()) fail(key, "a number");
    return fields_[key].get<double>();
  }

  int64_t integer(const std::string& key) const {
    if (!fields_[key].is_number_integer()) fail(key, "a whole number");
    return fields_[key].get<int64_t>();
  }

  bool boolean(const std::string& key) const {
    if (!fields_[key].is_boolean()) fail(key, "true or false");
    return fields_[key].get<bool>();
  }

  // "_log" behind a fixed one says the same.
  Variance variance() const {
    const char* key = "variance_type";
    std::vector<std::string> known;
    for (const Variance one : all_variances()) {
      const std::string name = to_string(one);
      const Json& got = fields_[key];
      if (got == name || (!is_learned(one) && got == name + "_log")) return one;
      known.push_back(name);
    }
    fail(key, join(known, " or "));
  }

  // An array of numbers, or null for none.
  std::vector<double> numbers(const std::string& key) const {
    std::vector<double> values;
    if (fields_[key].is_null()) return values;
    if (!fields_[key].is_array()) fail(key, "null or an array of numbers");
    for (const Json& one : fields_[key]) {
      if (!one.is_number()) fail(key, "null or an array of numbers");
      values.push_back(one.get<double>());
    }
    return values;
  }

  // One of diffusers' words, as ours.
  template <size_t n>
  std::string word(const std::string& key, const Words (&words)[n]) const {
    std::vector<std::string> known;
    for (const Words& one : words) {
      if (fields_[key] == one.theirs) return one.ours;
      known.emplace_back(one.theirs);
    }
    fail(key, join(known, " or "));
  }

 private:
  [[noreturn]] void fail(const std::string& key, const std::string& wanted) const {
    throw FormatError(
        concat(who_, ": ", key, ": wanted ", wanted, ", got ", json_shown(fields_[key])));
  }

  Json fields_;
  std::string who_;
};

std::vector<double> betas_of(const Schedule& schedule) {
  std::vector<double> betas;
  for (int64_t t = 1; t <= schedule.steps(); ++t) betas.push_back(schedule.beta(t));
  return betas;
}

}  // namespace

Json scheduler_json(const ModelConfig& model, const Json& version) {
  Json json = scheduler_defaults();
  json["_class_name"] = "DDPMScheduler";
  json["_diffusers_version"] = version;
  ScheduleConfig schedule = model.schedule;
  json["rescale_betas_zero_snr"] = schedule.zero_terminal_snr;
  json["beta_end"] = schedule.beta_T;
  json["beta_start"] = schedule.beta_1;
  json["num_train_timesteps"] = schedule.T;
  if (const auto theirs = theirs_of(kSchedules, to_string(schedule.kind))) {
    json["beta_schedule"] = *theirs;
  } else {
    schedule.zero_terminal_snr = false;  // which they do to these betas, too
    json["trained_betas"] = betas_of(make_schedule(schedule));
  }
  json["prediction_type"] = *theirs_of(kPredictions, to_string(model.prediction));
  json["timestep_spacing"] = "trailing";
  json["variance_type"] = to_string(model.variance);
  return json;
}

void expect_class(const Json& json, const char* wanted, const std::string& who) {
  const bool is = json.is_object() && json.contains("_class_name") && json["_class_name"] == wanted;
  if (!is) {
    const Json got = json.is_object() ? json.value("_class_name", Json()) : Json();
    throw FormatError(concat(who, ": _class_name: wanted ", wanted, ", got ", json_shown(got)));
  }
}

ModelConfig parse_scheduler(std::string_view text, const std::string& who) {
  const Json json = parse_json(text, who);
  expect_class(json, "DDPMScheduler", who);
  const SchedulerFields fields(json, who);
  fields.expect_only_values();
  constexpr Words kSpacings[] = {
      {"leading", "leading"}, {"trailing", "trailing"}, {"linspace", "linspace"}};
  fields.word("timestep_spacing", kSpacings);
  ModelConfig model;
  model.variance = fields.variance();
  model.prediction = prediction_from(fields.word("prediction_type", kPredictions));
  model.schedule = {.kind = schedule_kind_from(fields.word("beta_schedule", kSchedules)),
                    .T = fields.integer("num_train_timesteps"),
                    .beta_1 = fields.number("beta_start"),
                    .beta_T = fields.number("beta_end"),
                    .betas = fields.numbers("trained_betas"),
                    .zero_terminal_snr = fields.boolean("rescale_betas_zero_snr")};
  if (!model.schedule.betas.empty()) model.schedule.kind = ScheduleKind::kList;
  try {
    check_prediction(model.prediction, make_schedule(model.schedule), "prediction_type");
  } catch (const InvalidArgument& error) {
    throw FormatError(concat(who, ": ", error.what()));
  }
  return model;
}

}  // namespace ddpm
