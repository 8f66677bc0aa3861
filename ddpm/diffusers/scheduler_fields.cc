#include <array>
#include <limits>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/names.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusers/scheduler_fields_internal.h"

namespace ddpm {

namespace {

constexpr const char* kClassKey = "_class_name";

constexpr std::array<Named<SchedulerClass>, 4> kClasses = {
    {{SchedulerClass::kDdpm, "DDPMScheduler"},
     {SchedulerClass::kDdim, "DDIMScheduler"},
     {SchedulerClass::kPndm, "PNDMScheduler"},
     {SchedulerClass::kDpmMultistep, "DPMSolverMultistepScheduler"}}};

// The fields that all four have.
Json common_defaults() {
  return {{"beta_end", 0.02},
          {"beta_schedule", "linear"},
          {"beta_start", 0.0001},
          {"num_train_timesteps", 1000},
          {"prediction_type", "epsilon"},
          {"steps_offset", 0},
          {"timestep_spacing", "leading"},
          {"trained_betas", nullptr}};
}

Json with(Json fields, const Json& more) {
  fields.update(more);
  return fields;
}

Json thresholding_defaults() {
  return {{"dynamic_thresholding_ratio", 0.995},
          {"rescale_betas_zero_snr", false},
          {"sample_max_value", 1.0},
          {"thresholding", false}};
}

Json clipping_defaults() {
  return with(thresholding_defaults(), {{"clip_sample", true}, {"clip_sample_range", 1.0}});
}

Json dpm_defaults() {
  return with(thresholding_defaults(), {{"algorithm_type", "dpmsolver++"},
                                        {"euler_at_final", false},
                                        {"final_sigmas_type", "zero"},
                                        {"flow_shift", 1.0},
                                        {"lambda_min_clipped", kMinusInfinity},
                                        {"lower_order_final", true},
                                        {"solver_order", 2},
                                        {"solver_type", "midpoint"},
                                        {"time_shift_type", "exponential"},
                                        {"timestep_spacing", "linspace"},
                                        {"use_beta_sigmas", false},
                                        {"use_dynamic_shifting", false},
                                        {"use_exponential_sigmas", false},
                                        {"use_flow_sigmas", false},
                                        {"use_karras_sigmas", false},
                                        {"use_lu_lambdas", false},
                                        {"variance_type", nullptr}});
}

Json defaults_of(SchedulerClass scheduler) {
  switch (scheduler) {
    case SchedulerClass::kDdpm:
      return with(with(common_defaults(), clipping_defaults()), {{"variance_type", "fixed_small"}});
    case SchedulerClass::kDdim:
      return with(with(common_defaults(), clipping_defaults()), {{"set_alpha_to_one", true}});
    case SchedulerClass::kPndm:
      return with(common_defaults(), {{"set_alpha_to_one", false}, {"skip_prk_steps", false}});
    case SchedulerClass::kDpmMultistep:
      return with(common_defaults(), dpm_defaults());
  }
  throw std::logic_error("scheduler: an unknown class");
}

// Whether any class has the key; `known` gets the names of all.
bool is_of_another_class(const std::string& key, std::vector<std::string>& known) {
  bool found = false;
  for (const Named<SchedulerClass>& row : kClasses) {
    for (const auto& [name, value] : scheduler_defaults(row.value).items()) known.push_back(name);
    found = found || scheduler_defaults(row.value).contains(key);
  }
  return found;
}

}  // namespace

std::string to_string(SchedulerClass scheduler) { return name_of(kClasses, scheduler); }

const Json& scheduler_defaults(SchedulerClass scheduler) {
  static const std::array<Json, kClasses.size()> all = [] {
    std::array<Json, kClasses.size()> defaults;
    for (size_t i = 0; i < kClasses.size(); ++i) defaults[i] = defaults_of(kClasses[i].value);
    return defaults;
  }();
  for (size_t i = 0; i < kClasses.size(); ++i) {
    if (kClasses[i].value == scheduler) return all[i];
  }
  throw std::logic_error("scheduler: an unknown class");
}

SchedulerClass scheduler_class_of(const Json& json, const std::string& who) {
  const Json got = json.is_object() ? json.value(kClassKey, Json()) : Json();
  std::vector<std::string> known;
  for (const Named<SchedulerClass>& row : kClasses) {
    if (got == row.name) return row.value;
    known.emplace_back(row.name);
  }
  throw FormatError(
      concat(who, ": ", kClassKey, ": wanted ", join(known, " or "), ", got ", json_shown(got)));
}

SchedulerFields::SchedulerFields(const Json& json, std::string who)
    : who_(std::move(who)),
      scheduler_(scheduler_class_of(json, who_)),
      fields_(scheduler_defaults(scheduler_)) {
  for (const auto& [key, value] : fields_.items()) {
    if (!json.contains(key)) defaulted_.push_back(key);
  }
  for (const auto& [key, value] : json.items()) {
    std::vector<std::string> known;
    if (key.rfind('_', 0) == 0) continue;
    if (fields_.contains(key)) {
      fields_[key] = value;
    } else if (is_of_another_class(key, known)) {
      passed_over_.push_back(key);
      others_[key] = value;
    } else {
      const std::string hint = key.size() <= 64 ? did_you_mean(key, known) : "";
      throw FormatError(concat(who_, ": unknown key ", json_shown(Json(key)), hint));
    }
  }
}

const Json& SchedulerFields::value(const std::string& key) const {
  return fields_.contains(key) ? fields_.at(key) : others_.at(key);
}

double SchedulerFields::number(const std::string& key) const {
  if (!value(key).is_number()) fail(key, "a number");
  return value(key).get<double>();
}

double SchedulerFields::positive(const std::string& key) const {
  if (!(number(key) > 0.0)) fail(key, "a number above 0");
  return number(key);
}

int64_t SchedulerFields::integer(const std::string& key) const {
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  const bool fits = value(key).is_number_integer() &&
                    (!value(key).is_number_unsigned() || value(key).get<uint64_t>() <= kMax);
  if (!fits) fail(key, "a whole number");
  return value(key).get<int64_t>();
}

bool SchedulerFields::boolean(const std::string& key) const {
  if (!value(key).is_boolean()) fail(key, "true or false");
  return value(key).get<bool>();
}

std::vector<double> SchedulerFields::betas(const std::string& key, int64_t count) const {
  std::vector<double> values;
  if (value(key).is_null()) return values;
  const std::string wanted =
      concat("null or an array of num_train_timesteps numbers in [0, 1], ", count);
  if (!value(key).is_array()) fail(key, wanted);
  if (std::ssize(value(key)) != count) fail(key, wanted, concat(value(key).size(), " of them"));
  for (const Json& one : value(key)) {
    const bool fits = one.is_number() && one.get<double>() >= 0.0 && one.get<double>() <= 1.0;
    if (!fits) fail(key, wanted, concat(json_shown(one), " at index ", values.size()));
    values.push_back(one.get<double>());
  }
  return values;
}

std::string SchedulerFields::word(const std::string& key,
                                  const std::vector<SchedulerWord>& words) const {
  std::vector<std::string> known;
  for (const SchedulerWord& one : words) {
    if (value(key) == one.theirs) return one.ours;
    known.emplace_back(one.theirs);
  }
  fail(key, join(known, " or "));
}

// "_log" behind a fixed one says the same.
Variance SchedulerFields::variance() const {
  const char* key = "variance_type";
  if (!fields_.contains(key) && !others_.contains(key)) return Variance::kFixedSmall;
  const bool may_be_null = scheduler_ == SchedulerClass::kDpmMultistep;
  if (may_be_null && value(key).is_null()) return Variance::kFixedSmall;
  std::vector<std::string> known;
  for (const Variance one : all_variances()) {
    const std::string name = to_string(one);
    if (value(key) == name || (!is_learned(one) && value(key) == name + "_log")) return one;
    known.push_back(name);
  }
  fail(key, join(known, " or ") + (may_be_null ? " or null" : ""));
}

void SchedulerFields::fail(const std::string& key, const std::string& wanted) const {
  fail(key, wanted, json_shown(value(key)));
}

void SchedulerFields::fail(const std::string& key, const std::string& wanted,
                           const std::string& got) const {
  throw FormatError(concat(who_, ": ", key, ": expected ", wanted, ", got ", got));
}

}  // namespace ddpm
