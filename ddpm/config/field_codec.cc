#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/base/utf8.h"
#include "ddpm/config/field_codec_internal.h"

namespace ddpm {

namespace {

constexpr int64_t kMostExtent = 8192;  // pixels
// Numbers that float32 can square, add to a root and divide by. A gradient whose square underflows,
// one below 4e-23, moves no weight by more than the learning rate if Adam adds at least as much.
constexpr double kMinPositive = 1e-20;
constexpr double kMaxNumber = 1e15;
constexpr size_t kLongestList = 16;
constexpr size_t kMostNumbers = 100'000;  // of a file; as many as T may be

template <typename T>
Json same_in_json(const T& value) {
  return Json(value);
}

template <typename T, typename Accepts>
std::optional<T> only_if(std::optional<T> value, Accepts accepts) {
  return value && accepts(*value) ? value : std::nullopt;
}

std::optional<int64_t> json_integer(const Json& json) {
  if (!json.is_number_integer()) return std::nullopt;
  constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (json.is_number_unsigned() && json.get<uint64_t>() > kMost) return std::nullopt;
  return json.get<int64_t>();
}

std::optional<double> json_number(const Json& json) {
  if (!json.is_number()) return std::nullopt;
  return json.get<double>();
}

std::optional<std::string> json_text_value(const Json& json) {
  if (!json.is_string()) return std::nullopt;
  return json.get<std::string>();
}

Form<std::string> words(const std::string& metavar, const std::string& wanted,
                        const std::function<bool(const std::string&)>& accepts) {
  return {
      .metavar = metavar,
      .wanted = wanted,
      .from_text = [accepts](const auto& text) { return only_if<std::string>(text, accepts); },
      .from_json = [accepts](const Json& json) { return only_if(json_text_value(json), accepts); },
      .to_json = same_in_json<std::string>};
}

Form<int64_t> integers(const std::string& wanted, const std::function<bool(int64_t)>& accepts) {
  return {.metavar = "N",
          .wanted = wanted,
          .from_text = [accepts](const auto& text) { return only_if(parse_int(text), accepts); },
          .from_json = [accepts](const Json& json) { return only_if(json_integer(json), accepts); },
          .to_json = same_in_json<int64_t>};
}

Form<double> numbers(const std::string& wanted, const std::function<bool(double)>& accepts) {
  const auto legal = [accepts](double value) { return std::isfinite(value) && accepts(value); };
  return {.metavar = "X",
          .wanted = "a number " + wanted,
          .from_text = [legal](const auto& text) { return only_if(parse_double(text), legal); },
          .from_json = [legal](const Json& json) { return only_if(json_number(json), legal); },
          .to_json = same_in_json<double>};
}

// "auto" for an empty value, otherwise as `closed` has it.
template <typename T>
Form<std::optional<T>> auto_or(const Form<T>& closed) {
  using Open = std::optional<T>;
  // the outer optional is empty for what is refused, the inner one for "auto"
  const auto opened = [](const Open& value) {
    return value ? std::optional<Open>(value) : std::nullopt;
  };
  return {
      .metavar = "auto|" + closed.metavar,
      .wanted = "auto, " + closed.wanted,
      .from_text =
          [=](const std::string& text) {
            return text == "auto" ? std::optional<Open>(Open()) : opened(closed.from_text(text));
          },
      .from_json =
          [=](const Json& json) {
            return json == "auto" ? std::optional<Open>(Open()) : opened(closed.from_json(json));
          },
      .to_json = [=](const Open& value) { return value ? closed.to_json(*value) : Json("auto"); }};
}

std::optional<Extents> parse_extents(const std::string& text) {
  if (text == "auto") return Extents{0, 0};
  const std::vector<std::string> sides = split(text, 'x');
  if (sides.size() != 2) return std::nullopt;
  const auto legal = [](int64_t value) { return value >= 1 && value <= kMostExtent; };
  const std::optional<int64_t> height = only_if(parse_int(sides[0]), legal);
  const std::optional<int64_t> width = only_if(parse_int(sides[1]), legal);
  if (!height || !width) return std::nullopt;
  return Extents{*height, *width};
}

// Nothing if one of the words is no number in [0, 1]; its place is left in `bad`.
std::optional<std::vector<double>> parse_shares(std::string text, size_t& bad) {
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream words(text);
  std::vector<double> numbers;
  for (std::string word; words >> word;) {
    const std::optional<double> value = parse_double(word);
    bad = numbers.size() + 1;
    if (!value || !(*value >= 0.0 && *value <= 1.0) || bad > kMostNumbers) return std::nullopt;
    numbers.push_back(*value);
  }
  bad = 1;
  return numbers.empty() ? std::nullopt : std::optional(numbers);
}

// A name of whatever kind; what it may not be, its reader reports.
bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

std::vector<double> read_shares(const std::string& path) {
  size_t bad = 0;
  const auto numbers = parse_shares(read_file(path, 1 << 23), bad);
  DDPM_CHECK(numbers, path, ": wanted 1 to ", kMostNumbers, " numbers in [0, 1], and number ", bad,
             " is none");
  return *numbers;
}

UNetConfig read_network(const std::string& text, const std::string& who) {
  try {
    return unet_config_from_json(parse_json(text, who), who);
  } catch (const FormatError& error) {
    throw InvalidArgument(error.what());
  }
}

std::optional<double> parse_seconds(std::string text) {
  double unit = 1.0;
  const char last = text.empty() ? '\0' : text.back();
  if (last == 's' || last == 'm' || last == 'h') {
    unit = last == 's' ? 1.0 : last == 'm' ? 60.0 : 3600.0;
    text.pop_back();
  }
  const std::optional<double> value = parse_double(text);
  if (!value || !(*value >= 0.0) || !(*value * unit <= kMaxNumber)) return std::nullopt;
  return *value * unit;
}

}  // namespace

Form<std::string> any_text() {
  return words("TEXT", "UTF-8 text without line breaks and NUL", [](const std::string& text) {
    constexpr std::string_view kRefused("\n\0", 2);  // at a NUL the system would cut a path
    return is_utf8(text) && text.find_first_of(kRefused) == std::string::npos;
  });
}

Form<std::string> one_of(const std::vector<std::string>& choices) {
  return words(join(choices, "|"), "one of " + join(choices, ", "),
               [choices](const std::string& text) {
                 return std::find(choices.begin(), choices.end(), text) != choices.end();
               });
}

Form<std::string> device_name() {
  return words("NAME", "auto, cpu, cuda or cuda:N", [](const std::string& text) {
    if (text == "auto" || text == "cpu" || text == "cuda") return true;
    if (text.rfind("cuda:", 0) != 0) return false;
    const int64_t index = parse_int(text.substr(5)).value_or(-1);
    return index >= 0 && index < 128;
  });
}

Form<bool> yes_or_no() {
  return {.metavar = "",
          .wanted = "true or false",
          .from_text = [](const std::string& text) -> std::optional<bool> {
            if (text != "true" && text != "false") return std::nullopt;
            return text == "true";
          },
          .from_json = [](const Json& json) -> std::optional<bool> {
            if (!json.is_boolean()) return std::nullopt;
            return json.get<bool>();
          },
          .to_json = same_in_json<bool>};
}

Form<int64_t> whole(int64_t least) {
  return integers(concat("a whole number of at least ", least),
                  [least](int64_t value) { return value >= least; });
}

Form<int64_t> whole(int64_t least, int64_t most) {
  return integers(concat("a whole number in [", least, ", ", most, "]"),
                  [=](int64_t value) { return value >= least && value <= most; });
}

Form<int64_t> channel_count() {
  const Form<int64_t> counts = integers(
      "auto, 1, 3 or 4", [](int64_t value) { return value == 1 || value == 3 || value == 4; });
  Form<int64_t> form = counts;
  form.metavar = "auto|1|3|4";
  form.from_text = [counts](const std::string& text) {
    return text == "auto" ? std::optional<int64_t>(0) : counts.from_text(text);
  };
  form.from_json = [counts](const Json& json) {
    return json == "auto" ? std::optional<int64_t>(0) : counts.from_json(json);
  };
  form.to_json = [](int64_t value) { return value == 0 ? Json("auto") : Json(value); };
  return form;
}

Form<Extents> image_extents() {
  return {.metavar = "HxW",
          .wanted = concat("auto or HxW with sides in [1, ", kMostExtent, "]"),
          .from_text = parse_extents,
          .from_json = [](const Json& json) -> std::optional<Extents> {
            if (!json.is_string()) return std::nullopt;
            return parse_extents(json.get<std::string>());
          },
          .to_json =
              [](const Extents& size) {
                return Json(size == Extents{0, 0} ? "auto" : concat(size.first, "x", size.second));
              }};
}

Form<std::vector<int64_t>> list(int64_t least_count, int64_t most) {
  using List = std::vector<int64_t>;
  const auto legal = [=](const List& values) {
    return std::ssize(values) >= least_count && values.size() <= kLongestList &&
           std::all_of(values.begin(), values.end(),
                       [most](int64_t value) { return value >= 1 && value <= most; });
  };
  const auto collect = [legal](const auto& parts, auto read) -> std::optional<List> {
    List values;
    for (const auto& part : parts) {
      const std::optional<int64_t> value = read(part);
      if (!value) return std::nullopt;
      values.push_back(*value);
    }
    return only_if<List>(values, legal);
  };
  return {.metavar = "N,N,..",
          .wanted = concat(least_count == 0 ? "none or " : "", "whole numbers in [1, ", most, "]"),
          .from_text =
              [collect](const std::string& text) {
                return collect(split(text == "none" ? "" : text, ','), parse_int);
              },
          .from_json = [collect](const Json& json) -> std::optional<List> {
            if (!json.is_array()) return std::nullopt;
            return collect(json, json_integer);
          },
          .to_json = same_in_json<List>};
}

Form<std::optional<std::vector<int64_t>>> auto_or_list(int64_t least_count, int64_t most) {
  return auto_or(list(least_count, most));
}

Form<std::optional<int64_t>> auto_or_whole(int64_t least) { return auto_or(whole(least)); }
Form<std::optional<int64_t>> auto_or_whole(int64_t least, int64_t most) {
  return auto_or(whole(least, most));
}

Form<std::vector<double>> shares_or_file() {
  using List = std::vector<double>;
  return {.metavar = "X,X,..|FILE",
          .wanted = "none, numbers in [0, 1] or a file of them",
          .from_text = [](const std::string& text) -> std::optional<List> {
            if (text == "none") return List();
            if (is_there(text)) return read_shares(text);
            size_t bad = 0;
            return parse_shares(text, bad);
          },
          .from_json = [](const Json& json) -> std::optional<List> {
            if (!json.is_array() || json.size() > kMostNumbers) return std::nullopt;
            List values;
            for (const Json& one : json) {
              const auto value =
                  only_if(json_number(one), [](double x) { return x >= 0.0 && x <= 1.0; });
              if (!value) return std::nullopt;
              values.push_back(*value);
            }
            return values;
          },
          .to_json = same_in_json<List>};
}

Form<std::optional<UNetConfig>> network_or_file() {
  using Network = std::optional<UNetConfig>;
  return {
      .metavar = "FILE",
      .wanted = "none or the config.json of a UNet2DModel",
      .from_text = [](const std::string& text) -> std::optional<Network> {
        if (text == "none") return Network();
        if (text.rfind('{', 0) == 0) return read_network(text, "the JSON");
        for (const std::string& file : {text, text + "/config.json", text + "/unet/config.json"}) {
          if (!is_there(file) || std::filesystem::is_directory(file)) continue;
          return read_network(read_file(file, 1 << 20), file);
        }
        return std::nullopt;
      },
      .from_json = [](const Json& json) -> std::optional<Network> {
        if (json.is_null()) return Network();
        if (!json.is_object()) return std::nullopt;
        return read_network(json_text(json), "the network");
      },
      .to_json = [](const Network& network) -> Json {
        return network ? unet_config_to_json(*network) : Json();
      }};
}

Form<double> share() {
  return numbers("in [0, 1]", [](double value) { return value >= 0.0 && value <= 1.0; });
}

Form<double> below_one() {
  return numbers("in [0, 1)", [](double value) { return value >= 0.0 && value < 1.0; });
}

Form<double> between_0_1() {
  return numbers("in [1e-20, 1)",
                 [](double value) { return value >= kMinPositive && value < 1.0; });
}

Form<double> above_0_to_1() {
  return numbers("in [1e-20, 1]",
                 [](double value) { return value >= kMinPositive && value <= 1.0; });
}

Form<double> at_least_zero() {
  return numbers("in [0, 1e15]", [](double value) { return value >= 0.0 && value <= kMaxNumber; });
}

Form<double> above_zero() {
  return numbers("in [1e-20, 1e15]",
                 [](double value) { return value >= kMinPositive && value <= kMaxNumber; });
}

Form<double> duration() {
  Form<double> form = at_least_zero();
  form.metavar = "TIME";
  form.wanted = "seconds, or such as 90s, 6m, 2h";
  form.from_text = parse_seconds;
  form.from_json = [seconds = form.from_json](const Json& json) {
    return json.is_string() ? parse_seconds(json.get<std::string>()) : seconds(json);
  };
  return form;
}

}  // namespace ddpm
