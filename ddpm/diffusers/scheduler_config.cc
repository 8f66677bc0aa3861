#include "ddpm/diffusers/scheduler_config.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusers/scheduler_fields_internal.h"

namespace ddpm {

namespace {

constexpr const char* kVersion = "0.42.1";  // of diffusers

using Words = std::vector<SchedulerWord>;

// Nothing for a kind that diffusers can only read as betas.
std::optional<const char*> theirs_of(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::kLinear:
      return "linear";
    case ScheduleKind::kQuadratic:
      return "scaled_linear";
    case ScheduleKind::kCosine:
      return "squaredcos_cap_v2";
    case ScheduleKind::kSigmoid:
      return "sigmoid";
    case ScheduleKind::kLaplace:
      return "laplace";
    case ScheduleKind::kLinearScaled:
    case ScheduleKind::kWarmup10:
    case ScheduleKind::kWarmup50:
    case ScheduleKind::kConstant:
    case ScheduleKind::kJsd:
    case ScheduleKind::kSigmoidAlphaBar:
    case ScheduleKind::kExponential:
    case ScheduleKind::kList:
      return std::nullopt;
  }
  DDPM_ASSERT(false);
}

// diffusers has no word for the mean; it opens such a checkpoint and refuses to sample from it.
const char* theirs_of(Prediction prediction) {
  switch (prediction) {
    case Prediction::kEps:
      return "epsilon";
    case Prediction::kX0:
      return "sample";
    case Prediction::kMean:
      return "mean";
    case Prediction::kV:
      return "v_prediction";
  }
  DDPM_ASSERT(false);
}

const char* theirs_of(Variance variance) {
  switch (variance) {
    case Variance::kFixedLarge:
      return "fixed_large";
    case Variance::kFixedSmall:
      return "fixed_small";
    case Variance::kLearned:
      return "learned";
    case Variance::kLearnedRange:
      return "learned_range";
  }
  DDPM_ASSERT(false);
}

Words schedule_words() {
  Words words;
  for (const ScheduleKind kind : all_schedule_kinds()) {
    if (const auto theirs = theirs_of(kind)) words.push_back({to_string(kind), *theirs});
  }
  return words;
}

Words prediction_words() {
  Words words;
  for (const Prediction one : all_predictions()) words.push_back({to_string(one), theirs_of(one)});
  return words;
}

std::vector<double> betas_of(const Schedule& schedule) {
  std::vector<double> betas;
  for (int64_t t = 1; t <= schedule.steps(); ++t) betas.push_back(schedule.beta(t));
  return betas;
}

ScheduleConfig read_schedule(const SchedulerFields& fields) {
  const char* rescale = "rescale_betas_zero_snr";  // PNDM has no such field
  ScheduleConfig schedule = {
      .kind = schedule_kind_from(fields.word("beta_schedule", schedule_words())),
      .T = fields.integer("num_train_timesteps"),
      .beta_1 = fields.number("beta_start"),
      .beta_T = fields.number("beta_end"),
      .betas = fields.betas("trained_betas", fields.integer("num_train_timesteps")),
      .zero_terminal_snr = fields.has(rescale) && fields.boolean(rescale)};
  if (!schedule.betas.empty()) schedule.kind = ScheduleKind::kList;
  return schedule;
}

// What is there of it: PNDM bounds nothing, DPM-Solver has thresholding alone.
void read_bounds(const SchedulerFields& fields, SamplingConfig& sampling) {
  sampling.clip = fields.has("clip_sample") && fields.boolean("clip_sample");
  if (fields.has("clip_sample_range")) sampling.clip_range = fields.positive("clip_sample_range");
  if (!fields.has("thresholding")) return;
  sampling.thresholding = fields.boolean("thresholding");
  sampling.threshold_max = fields.positive("sample_max_value");
  sampling.threshold_quantile = fields.number("dynamic_thresholding_ratio");
  if (!(sampling.threshold_quantile > 0.0 && sampling.threshold_quantile <= 1.0)) {
    fields.fail("dynamic_thresholding_ratio", "a number in (0, 1]");
  }
}

void expect_false(const SchedulerFields& fields, const char* key) {
  if (fields.boolean(key)) fields.fail(key, "false");
}

double lambda_min(const SchedulerFields& fields, const ScheduleConfig& schedule) {
  const char* key = "lambda_min_clipped";
  if (fields.json().at(key) == kMinusInfinity) return SamplingConfig{}.lambda_min;
  const double least = fields.number(key);
  if (least > make_schedule(schedule).level(1).lambda()) {
    fields.fail(key, "a number that leaves a time, or -Infinity");
  }
  return least;
}

void read_dpm(const SchedulerFields& fields, const ScheduleConfig& schedule,
              SamplingConfig& sampling) {
  // diffusers takes the words of some other solvers for the nearest one of this
  const Words algorithms = {{"", "dpmsolver++"}, {"stochastic", "sde-dpmsolver++"}, {"", "deis"}};
  const Words types = {
      {"", "midpoint"}, {"heun", "heun"}, {"", "logrho"}, {"", "bh1"}, {"", "bh2"}};
  const Words ends = {{"", "zero"}, {"one", "sigma_min"}};
  sampling.solver_order = fields.integer("solver_order");
  if (sampling.solver_order != 1 && sampling.solver_order != 2) {
    fields.fail("solver_order", "1 or 2");
  }
  sampling.stochastic = !fields.word("algorithm_type", algorithms).empty();
  sampling.heun = !fields.word("solver_type", types).empty();
  sampling.ends_at_one = !fields.word("final_sigmas_type", ends).empty();
  sampling.lower_order_final = fields.boolean("lower_order_final");
  sampling.euler_at_final = fields.boolean("euler_at_final");
  sampling.karras = fields.boolean("use_karras_sigmas");
  for (const char* key : {"use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas",
                          "use_flow_sigmas", "use_dynamic_shifting"}) {
    expect_false(fields, key);
  }
  fields.number("flow_shift");  // of the flow sigmas alone, as the next one
  fields.word("time_shift_type", {{"", "exponential"}});
  sampling.lambda_min = lambda_min(fields, schedule);
}

SamplingConfig read_sampling(const SchedulerFields& fields, const ScheduleConfig& schedule) {
  SamplingConfig sampling;
  sampling.scheduler = fields.scheduler();
  sampling.passed_over = fields.passed_over();
  sampling.spacing =
      fields.word("timestep_spacing",
                  {{"leading", "leading"}, {"trailing", "trailing"}, {"linspace", "linspace"}});
  sampling.steps_offset = fields.integer("steps_offset");
  if (sampling.steps_offset < 0 || sampling.steps_offset > schedule.T) {
    fields.fail("steps_offset", concat("a whole number in [0, ", schedule.T, "]"));
  }
  read_bounds(fields, sampling);
  if (fields.has("set_alpha_to_one")) sampling.ends_at_one = !fields.boolean("set_alpha_to_one");
  if (fields.has("skip_prk_steps")) sampling.skips_runge_kutta = fields.boolean("skip_prk_steps");
  if (fields.scheduler() == SchedulerClass::kDpmMultistep) read_dpm(fields, schedule, sampling);
  return sampling;
}

}  // namespace

Json scheduler_json(const ModelConfig& model, const Json& version) {
  Json json = scheduler_defaults(SchedulerClass::kDdpm);
  json["_class_name"] = to_string(SchedulerClass::kDdpm);
  json["_diffusers_version"] = version;
  ScheduleConfig schedule = model.schedule;
  json["rescale_betas_zero_snr"] = schedule.zero_terminal_snr;
  json["beta_end"] = schedule.beta_T;
  json["beta_start"] = schedule.beta_1;
  json["num_train_timesteps"] = schedule.T;
  if (const auto theirs = theirs_of(schedule.kind)) {
    json["beta_schedule"] = *theirs;
  } else {
    schedule.zero_terminal_snr = false;  // which they do to these betas, too
    json["trained_betas"] = betas_of(make_schedule(schedule));
  }
  json["prediction_type"] = theirs_of(model.prediction);
  json["timestep_spacing"] = "trailing";
  json["variance_type"] = theirs_of(model.variance);
  return json;
}

void expect_class(const Json& json, const char* wanted, const std::string& who) {
  const bool is = json.is_object() && json.contains("_class_name") && json["_class_name"] == wanted;
  if (!is) {
    const Json got = json.is_object() ? json.value("_class_name", Json()) : Json();
    throw FormatError(concat(who, ": _class_name: wanted ", wanted, ", got ", json_shown(got)));
  }
}

Json scheduler_value(std::string_view text, const std::string& who) {
  const std::string_view bare = kMinusInfinity;
  std::string strict;
  bool in_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!in_text && text.substr(i, bare.size()) == bare) {
      strict += concat('"', bare, '"');
      i += bare.size() - 1;
      continue;
    }
    strict += text[i];
    if (in_text && text[i] == '\\' && i + 1 < text.size()) {
      strict += text[++i];  // whatever is escaped ends no text
    } else if (text[i] == '"') {
      in_text = !in_text;
    }
  }
  return parse_json(strict, who);
}

std::string scheduler_text(const Json& json) {
  std::string text = json_text(json);
  const std::string quoted = concat('"', kMinusInfinity, '"');
  const size_t at = text.find(": " + quoted);
  if (at != std::string::npos) text.replace(at + 2, quoted.size(), kMinusInfinity);
  return text;
}

Json completed_scheduler_json(const Json& json, const std::string& who,
                              std::vector<std::string>* defaulted) {
  const SchedulerFields fields(json, who);
  if (defaulted != nullptr) *defaulted = fields.defaulted();
  Json completed = fields.json();
  completed["_class_name"] = to_string(fields.scheduler());
  completed["_diffusers_version"] = kVersion;
  return completed;
}

ModelConfig parse_scheduler(std::string_view text, const std::string& who) {
  const SchedulerFields fields(scheduler_value(text, who), who);
  ModelConfig model;
  model.variance = fields.variance();
  model.prediction = prediction_from(fields.word("prediction_type", prediction_words()));
  model.schedule = read_schedule(fields);
  try {
    check_prediction(model.prediction, make_schedule(model.schedule), "prediction_type");
  } catch (const InvalidArgument& error) {
    throw FormatError(concat(who, ": ", error.what()));
  }
  model.sampling = read_sampling(fields, model.schedule);
  return model;
}

}  // namespace ddpm
