#include "ddpm/checkpoints/state.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/format_version.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr const char* kFormat = "ddpm training state";
constexpr int64_t kVersion = 1;

// The counters and their keys.
constexpr std::pair<const char*, int64_t TrainingState::*> kCounters[] = {
    {"step", &TrainingState::step},
    {"images_seen", &TrainingState::images_seen},
    {"optimizer_updates", &TrainingState::optimizer_updates},
    {"ema_updates", &TrainingState::ema_updates},
    {"skipped_updates", &TrainingState::skipped_updates},
    {"bad_in_a_row", &TrainingState::bad_in_a_row},
    {"data_images", &TrainingState::data_images},
};

// Each key may be taken once; what is left over is unknown.
class Reader {
 public:
  Reader(const Json& json, std::string who) : rest_(json), who_(std::move(who)) {
    if (!json.is_object()) throw FormatError(concat(who_, ": wanted a JSON object"));
  }

  Json take(const std::string& key) {
    const auto found = rest_.find(key);
    if (found == rest_.end()) throw FormatError(concat(who_, ": no key '", key, "'"));
    Json value = std::move(*found);
    rest_.erase(found);
    return value;
  }

  std::string text(const std::string& key) {
    const Json value = take(key);
    if (!value.is_string()) fail(key, "a text", value);
    return value.get<std::string>();
  }

  int64_t counter(const std::string& key) {
    const Json value = take(key);
    if (!value.is_number_integer() || value.get<int64_t>() < 0) {
      fail(key, "a whole number of at least 0", value);
    }
    return value.get<int64_t>();
  }

  std::map<std::string, std::vector<double>> numbers(const std::string& key) {
    const Json value = take(key);
    try {
      return value.get<std::map<std::string, std::vector<double>>>();
    } catch (const Json::exception&) {
      fail(key, "lists of numbers by name", value);
    }
  }

  void expect_nothing_left() const {
    if (!rest_.empty()) {
      throw FormatError(concat(who_, ": unknown key ", json_shown(Json(rest_.begin().key()))));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& key, const char* wanted, const Json& got) const {
    throw FormatError(concat(who_, ": ", key, ": wanted ", wanted, ", got ", json_shown(got)));
  }

  Json rest_;
  std::string who_;
};

}  // namespace

ModelConfig model_config_of(const TrainConfig& config, const UNetConfig& unet) {
  return {.unet = unet,
          .schedule = schedule_config_of(config),
          .prediction = config.prediction,
          .variance = config.variance};
}

Json state_to_json(const TrainingState& state) {
  Json json = {{"format", kFormat},
               {"version", kVersion},
               {"data_fingerprint", state.data_fingerprint},
               {"config", train_config_to_json(state.config)},
               {"carried", Json::object()}};
  for (const auto& [key, member] : kCounters) json[key] = state.*member;
  for (const auto& [key, numbers] : state.carried) json["carried"][key] = numbers;
  return json;
}

TrainingState state_from_json(const Json& json, const UNetConfig& unet, const std::string& who) {
  Reader reader(json, who);
  const std::string format = reader.text("format");
  if (format != kFormat) {
    throw FormatError(
        concat(who, ": wanted the format '", kFormat, "', got ", json_shown(Json(format))));
  }
  check_format_version(reader.take("version"), kVersion, who);
  TrainingState state;
  state.unet = unet;
  for (const auto& [key, member] : kCounters) state.*member = reader.counter(key);
  state.data_fingerprint = reader.text("data_fingerprint");
  state.carried = reader.numbers("carried");
  try {
    state.config = train_config_from_json(reader.take("config"), who);
  } catch (const InvalidArgument& error) {
    throw FormatError(error.what());
  }
  reader.expect_nothing_left();
  return state;
}

}  // namespace ddpm
