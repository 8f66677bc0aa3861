// The list of fields of a TrainConfig: key, meaning, range, and how each is read and written.

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/train_config.h"

namespace ddpm {

namespace {

constexpr int64_t kAny = std::numeric_limits<int64_t>::max();

// How the values of one field look, as text and in JSON. The readers give nothing for what they do
// not take, ranges included.
template <typename T>
struct Form {
  std::string metavar;
  std::string wanted;  // "a whole number of at least 1"
  std::function<std::optional<T>(const std::string&)> from_text;
  std::function<std::optional<T>(const Json&)> from_json;
  std::function<Json(const T&)> to_json = [](const T& value) { return Json(value); };
};

// A value in JSON as it is written on a command line.
std::string plain_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return shortest(value.get<double>());
  if (!value.is_array()) return value.dump();
  std::vector<std::string> words;
  for (const Json& part : value) words.push_back(part.dump());
  return words.empty() ? "none" : join(words, ",");
}

template <typename T, typename Get, typename Set>
ConfigField field(const std::string& key, Get get, Set set, const Form<T>& form,
                  const std::string& help) {
  ConfigField result;
  result.key = key;
  result.help = help + "; " + form.wanted;
  result.metavar = form.metavar;
  result.get = [get, form](const TrainConfig& config) { return form.to_json(get(config)); };
  const std::string must = key + " must be " + form.wanted + ", got ";
  result.set_json = [set, form, must](TrainConfig& config, const Json& json) {
    const std::optional<T> value = form.from_json(json);
    DDPM_CHECK(value, must, json.is_string() ? "'" + json.get<std::string>() + "'" : json.dump());
    set(config, *value);
  };
  result.set_text = [set, form, must](TrainConfig& config, const std::string& text) {
    const std::optional<T> value = form.from_text(text);
    DDPM_CHECK(value, must, "'", text, "'");
    set(config, *value);
  };
  return result;
}

template <typename T>
ConfigField field(const std::string& key, T TrainConfig::*member, const Form<T>& form,
                  const std::string& help) {
  return field<T>(
      key, [member](const TrainConfig& config) { return config.*member; },
      [member](TrainConfig& config, const T& value) { config.*member = value; }, form, help);
}

template <typename T, typename Accepts>
std::optional<T> only_if(std::optional<T> value, Accepts accepts) {
  return value && accepts(*value) ? value : std::nullopt;
}

std::optional<int64_t> json_integer(const Json& json) {
  if (!json.is_number_integer()) return std::nullopt;
  if (json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(kAny)) {
    return std::nullopt;
  }
  return json.get<int64_t>();
}

std::optional<double> json_number(const Json& json) {
  if (!json.is_number()) return std::nullopt;
  return json.get<double>();
}

// A form whose JSON is a string, the same as its text.
Form<std::string> words(std::string metavar, std::string wanted,
                        std::function<bool(const std::string&)> accepts) {
  return {.metavar = std::move(metavar),
          .wanted = std::move(wanted),
          .from_text =
              [accepts](const std::string& text) { return only_if<std::string>(text, accepts); },
          .from_json = [accepts](const Json& json) -> std::optional<std::string> {
            if (!json.is_string()) return std::nullopt;
            return only_if<std::string>(json.get<std::string>(), accepts);
          }};
}

Form<std::string> one_of(const std::vector<std::string>& choices) {
  return words(join(choices, "|"), "one of " + join(choices, ", "),
               [choices](const std::string& text) {
                 return std::find(choices.begin(), choices.end(), text) != choices.end();
               });
}

Form<int64_t> whole(int64_t least, int64_t most = kAny) {
  const auto accepts = [least, most](int64_t value) { return value >= least && value <= most; };
  return {
      .metavar = "N",
      .wanted = most == kAny ? concat("a whole number of at least ", least)
                             : concat("a whole number in [", least, ", ", most, "]"),
      .from_text = [accepts](const std::string& text) { return only_if(parse_int(text), accepts); },
      .from_json = [accepts](const Json& json) { return only_if(json_integer(json), accepts); }};
}

// Numbers of an interval; `wanted` says it in words, because its ends may belong to it or not.
Form<double> number(std::string wanted, std::function<bool(double)> accepts) {
  const auto finite = [accepts](double value) { return std::isfinite(value) && accepts(value); };
  return {.metavar = "X",
          .wanted = "a number " + std::move(wanted),
          .from_text =
              [finite](const std::string& text) { return only_if(parse_double(text), finite); },
          .from_json = [finite](const Json& json) { return only_if(json_number(json), finite); }};
}

Form<double> below_one() {
  return number("in [0, 1)", [](double value) { return value >= 0.0 && value < 1.0; });
}

Form<double> beta() {
  return number("in (0, 1)", [](double value) { return value > 0.0 && value < 1.0; });
}

Form<double> at_least_zero() {
  return number("of at least 0", [](double value) { return value >= 0.0; });
}

Form<bool> yes_or_no() {
  return {.metavar = "",
          .wanted = "true or false",
          .from_text = [](const std::string& text) -> std::optional<bool> {
            if (text == "true") return true;
            if (text == "false") return false;
            return std::nullopt;
          },
          .from_json = [](const Json& json) -> std::optional<bool> {
            if (!json.is_boolean()) return std::nullopt;
            return json.get<bool>();
          }};
}

// Between `least_count` and 16 whole numbers in [1, most]; no number at all is written "none".
Form<std::vector<int64_t>> list(size_t least_count, int64_t most) {
  using List = std::vector<int64_t>;
  const auto accepts = [=](const List& values) {
    return values.size() >= least_count && values.size() <= 16 &&
           std::all_of(values.begin(), values.end(),
                       [most](int64_t value) { return value >= 1 && value <= most; });
  };
  return {.metavar = "N,N,..",
          .wanted = concat(least_count == 0 ? "none or " : "", "whole numbers in [1, ", most, "]"),
          .from_text = [accepts](const std::string& text) -> std::optional<List> {
            List values;
            for (const std::string& word : split(text == "none" ? "" : text, ',')) {
              const std::optional<int64_t> value = parse_int(word);
              if (!value) return std::nullopt;
              values.push_back(*value);
            }
            return only_if<List>(values, accepts);
          },
          .from_json = [accepts](const Json& json) -> std::optional<List> {
            if (!json.is_array()) return std::nullopt;
            List values;
            for (const Json& part : json) {
              const std::optional<int64_t> value = json_integer(part);
              if (!value) return std::nullopt;
              values.push_back(*value);
            }
            return only_if<List>(values, accepts);
          }};
}

using Size = std::pair<int64_t, int64_t>;  // height, width

std::optional<Size> parse_size(const std::string& text) {
  if (text == "auto") return Size{0, 0};
  const std::vector<std::string> sides = split(text, 'x');
  if (sides.size() != 2) return std::nullopt;
  const auto side = [](const std::string& word) {
    return only_if(parse_int(word), [](int64_t value) { return value >= 1 && value <= 8192; });
  };
  const std::optional<int64_t> height = side(sides[0]);
  const std::optional<int64_t> width = side(sides[1]);
  if (!height || !width) return std::nullopt;
  return Size{*height, *width};
}

ConfigField image_size() {
  const Form<Size> form = {
      .metavar = "HxW",
      .wanted = "auto or HxW with sides in [1, 8192]",
      .from_text = parse_size,
      .from_json = [](const Json& json) -> std::optional<Size> {
        if (!json.is_string()) return std::nullopt;
        return parse_size(json.get<std::string>());
      },
      .to_json =
          [](const Size& size) {
            return Json(size == Size{0, 0} ? "auto" : concat(size.first, "x", size.second));
          }};
  return field<Size>(
      "image_size",
      [](const TrainConfig& config) {
        return Size{config.height, config.width};
      },
      [](TrainConfig& config, const Size& size) {
        config.height = size.first;
        config.width = size.second;
      },
      form, "height and width of the images to learn, in pixels; auto: as the data has them");
}

ConfigField channels() {
  const auto accepts = [](int64_t value) { return value == 1 || value == 3 || value == 4; };
  const Form<int64_t> form = {
      .metavar = "auto|1|3|4",
      .wanted = "auto, 1, 3 or 4",
      .from_text = [accepts](const std::string& text) -> std::optional<int64_t> {
        if (text == "auto") return 0;
        return only_if(parse_int(text), accepts);
      },
      .from_json = [accepts](const Json& json) -> std::optional<int64_t> {
        if (json == "auto") return 0;
        return only_if(json_integer(json), accepts);
      },
      .to_json = [](int64_t value) { return value == 0 ? Json("auto") : Json(value); }};
  return field("channels", &TrainConfig::channels, form,
               "1 gray, 3 colour, 4 colour with transparency; auto: as the data has them");
}

std::optional<double> parse_seconds(std::string text) {
  double unit = 1.0;
  if (!text.empty()) {
    const char last = text.back();
    if (last == 's' || last == 'm' || last == 'h') {
      unit = last == 's' ? 1.0 : last == 'm' ? 60.0 : 3600.0;
      text.pop_back();
    }
  }
  const std::optional<double> value = parse_double(text);
  if (!value || !(*value >= 0.0) || !std::isfinite(*value * unit)) return std::nullopt;
  return *value * unit;
}

ConfigField time_limit() {
  Form<double> form = at_least_zero();
  const auto from_number = form.from_json;
  form.metavar = "TIME";
  form.wanted = "seconds, or such as 90s, 6m, 2h; 0 for none";
  form.from_text = parse_seconds;
  form.from_json = [from_number](const Json& json) {
    return json.is_string() ? parse_seconds(json.get<std::string>()) : from_number(json);
  };
  return field("time_limit", &TrainConfig::time_limit, form,
               "end with a checkpoint after so long, counted from the start of the process");
}

Form<std::string> device_name() {
  return words("NAME", "auto, cpu, cuda or cuda:N", [](const std::string& text) {
    if (text == "auto" || text == "cpu" || text == "cuda") return true;
    const std::optional<int64_t> index =
        text.rfind("cuda:", 0) == 0 ? parse_int(text.substr(5)) : std::nullopt;
    return index && *index >= 0 && *index < 128;
  });
}

ConfigField switch_field(const std::string& key, bool TrainConfig::*member,
                         const std::string& help) {
  ConfigField result = field(key, member, yes_or_no(), help);
  result.is_switch = true;
  return result;
}

std::vector<ConfigField> data_fields() {
  return {
      field("data", &TrainConfig::data,
            words("SPEC", "text without line breaks",
                  [](const std::string& text) { return text.find('\n') == std::string::npos; }),
            "what to learn from: fashion-mnist, or a folder, archive, IDX file or CIFAR-10 folder"),
      image_size(),
      channels(),
      field("fit", &TrainConfig::fit, one_of({"none", "crop", "pad", "stretch"}),
            "how images of another size are made to fit; none refuses them"),
      switch_field("flip", &TrainConfig::flip,
                   "mirror each training sample left to right with probability 1/2"),
      field("max_bad_files", &TrainConfig::max_bad_files,
            number("in [0, 1]", [](double value) { return value >= 0.0 && value <= 1.0; }),
            "share of unreadable files that is passed over"),
  };
}

std::vector<ConfigField> network_fields() {
  return {
      field("base_channels", &TrainConfig::base_channels, whole(1, 4096),
            "channels of the top level, a multiple of norm_groups"),
      field("channel_multipliers", &TrainConfig::channel_multipliers, list(1, 64),
            "channels of each level over base_channels, top level first"),
      field("blocks_per_level", &TrainConfig::blocks_per_level, whole(1, 16),
            "residual blocks of a level on the way down; one more on the way up"),
      field("attention_resolutions", &TrainConfig::attention_resolutions, list(0, 8192),
            "heights of the levels that have attention, in pixels"),
      field("norm_groups", &TrainConfig::norm_groups, whole(1, 4096),
            "groups of the group normalisation"),
      field("norm_epsilon", &TrainConfig::norm_epsilon, beta(),
            "what the group normalisation adds to a variance"),
      field("dropout", &TrainConfig::dropout, below_one(), "probability of a dropped activation"),
  };
}

std::vector<ConfigField> process_fields() {
  return {
      field("schedule", &TrainConfig::schedule, one_of({"linear", "cosine"}), "the noise schedule"),
      field("T", &TrainConfig::T, whole(2, 100000), "steps of the diffusion process"),
      field("beta_1", &TrainConfig::beta_1, beta(), "first variance of the linear schedule"),
      field("beta_T", &TrainConfig::beta_T, beta(), "last variance of the linear schedule"),
      field("prediction", &TrainConfig::prediction, one_of({"eps", "v"}),
            "what the network predicts: the noise, or v = signal eps - sigma x_0"),
      field("variance", &TrainConfig::variance, one_of({"fixed_large", "fixed_small"}),
            "of a reverse step when sampling: beta_t, or the posterior's"),
  };
}

std::vector<ConfigField> optimisation_fields() {
  return {
      field("steps", &TrainConfig::steps, whole(1), "updates of the weights in the whole run"),
      field("batch_size", &TrainConfig::batch_size, whole(1, 65536), "images in an update"),
      field("learning_rate", &TrainConfig::learning_rate,
            number("in (0, 1]", [](double value) { return value > 0.0 && value <= 1.0; }),
            "Adam's step size after the warm-up"),
      field("warmup", &TrainConfig::warmup, whole(0),
            "updates over which the learning rate rises from 0"),
      field("learning_rate_decay", &TrainConfig::learning_rate_decay,
            one_of({"constant", "cosine"}), "after the warm-up; cosine falls to 0 at `steps`"),
      field("adam_beta1", &TrainConfig::adam_beta1, below_one(), "decay of Adam's first moment"),
      field("adam_beta2", &TrainConfig::adam_beta2, below_one(), "decay of Adam's second moment"),
      field("adam_epsilon", &TrainConfig::adam_epsilon, beta(), "what Adam adds to a root"),
      field("gradient_clip", &TrainConfig::gradient_clip, at_least_zero(),
            "largest norm of all gradients together; 0: any"),
      field("ema_decay", &TrainConfig::ema_decay, below_one(),
            "decay of the weights' moving average"),
      field("ema_rule", &TrainConfig::ema_rule, one_of({"warmup", "constant"}),
            "warmup: at most (1 + n) / (10 + n) at update n + 1"),
      field("timestep_sampling", &TrainConfig::timestep_sampling, one_of({"stratified", "uniform"}),
            "how the times of the training samples are drawn"),
      field("precision", &TrainConfig::precision, one_of({"fp32", "bf16"}),
            "of the network's products; sums and weights are float32"),
      field("device", &TrainConfig::device, device_name(), "where to train"),
      field("seed", &TrainConfig::seed, whole(0), "of every random number"),
      field("threads", &TrainConfig::threads, whole(0, 4096), "0: one for each core"),
      field(
          "max_bad_steps", &TrainConfig::max_bad_steps, whole(1),
          "skipped updates in a row, for loss or gradients that are not finite, that end the run"),
  };
}

std::vector<ConfigField> output_fields() {
  return {
      field("save_every", &TrainConfig::save_every, whole(0),
            "steps between checkpoints; 0: only at the end"),
      field("sample_every", &TrainConfig::sample_every, whole(0),
            "steps between previews; 0: none"),
      field("log_every", &TrainConfig::log_every, whole(1), "steps a line of the log sums up"),
      field("keep_last", &TrainConfig::keep_last, whole(0), "newest checkpoints to keep; 0: all"),
      field("keep_every", &TrainConfig::keep_every, whole(0),
            "keep also the checkpoints whose step is a multiple of this; 0: none"),
      time_limit(),
      field("sampler", &TrainConfig::sampler, one_of({"ddpm", "ddim"}), "of the previews"),
      field("sample_steps", &TrainConfig::sample_steps, whole(1, 100000),
            "network calls for a preview, at most T"),
      field("sample_count", &TrainConfig::sample_count, whole(1, 4096), "images in a preview"),
  };
}

std::vector<ConfigField> all_fields() {
  std::vector<ConfigField> all;
  for (auto group :
       {data_fields, network_fields, process_fields, optimisation_fields, output_fields}) {
    for (ConfigField& one : group()) all.push_back(std::move(one));
  }
  for (ConfigField& one : all) {
    one.may_change_on_resume = one.key == "data" || one.key == "device" || one.key == "threads" ||
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

const ConfigField& train_config_field(const std::string& key) {
  std::vector<std::string> keys;
  for (const ConfigField& one : train_config_fields()) {
    if (one.key == key) return one;
    keys.push_back(one.key);
  }
  throw InvalidArgument(
      concat("'", key, "' is no key of a configuration", did_you_mean(key, keys)));
}

}  // namespace ddpm
