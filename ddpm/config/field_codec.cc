#include "ddpm/config/field_codec.h"

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

namespace ddpm {

namespace {

constexpr int64_t kMaxExtent = 8192;  // pixels
// Numbers that float32 can square, add to a root and divide by. A gradient whose square underflows,
// one below 4e-23, moves no weight by more than the learning rate if Adam adds at least as much.
constexpr double kMinPositive = 1e-20;
constexpr double kMaxNumber = 1e15;
constexpr size_t kMaxListLength = 16;
constexpr size_t kMaxNumbers = 100'000;  // of a file; as many as T may be

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
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (json.is_number_unsigned() && json.get<uint64_t>() > kMax) return std::nullopt;
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

FieldCodec<std::string> texts(const std::string& metavar, const std::string& expected,
                              const std::function<bool(const std::string&)>& accepts) {
  return {
      .metavar = metavar,
      .expected = expected,
      .from_text = [accepts](const auto& text) { return only_if<std::string>(text, accepts); },
      .from_json = [accepts](const Json& json) { return only_if(json_text_value(json), accepts); },
      .to_json = same_in_json<std::string>};
}

FieldCodec<int64_t> integers(const std::string& expected,
                             const std::function<bool(int64_t)>& accepts) {
  return {.metavar = "N",
          .expected = expected,
          .from_text = [accepts](const auto& text) { return only_if(parse_int(text), accepts); },
          .from_json = [accepts](const Json& json) { return only_if(json_integer(json), accepts); },
          .to_json = same_in_json<int64_t>};
}

FieldCodec<double> numbers(const std::string& expected,
                           const std::function<bool(double)>& accepts) {
  const auto legal = [accepts](double value) { return std::isfinite(value) && accepts(value); };
  return {.metavar = "X",
          .expected = "a number " + expected,
          .from_text = [legal](const auto& text) { return only_if(parse_double(text), legal); },
          .from_json = [legal](const Json& json) { return only_if(json_number(json), legal); },
          .to_json = same_in_json<double>};
}

// "auto" for an empty value, otherwise as `closed` has it.
template <typename T>
FieldCodec<std::optional<T>> auto_or(const FieldCodec<T>& closed) {
  using Open = std::optional<T>;
  // the outer optional is empty for what is refused, the inner one for "auto"
  const auto opened = [](const Open& value) {
    return value ? std::optional<Open>(value) : std::nullopt;
  };
  return {
      .metavar = "auto|" + closed.metavar,
      .expected = "auto, " + closed.expected,
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
  const auto legal = [](int64_t value) { return value >= 1 && value <= kMaxExtent; };
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
    if (!value || !(*value >= 0.0 && *value <= 1.0) || bad > kMaxNumbers) return std::nullopt;
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
  DDPM_CHECK(numbers, path, ": wanted 1 to ", kMaxNumbers, " numbers in [0, 1], and number ", bad,
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

void refuse_value(const std::string& key, const std::string& expected, const std::string& text,
                  const std::vector<std::string>& words) {
  refuse_value(key, expected, Json(text), words);
}

void refuse_value(const std::string& key, const std::string& expected, const Json& json,
                  const std::vector<std::string>& words) {
  const std::string word = json_text_value(json).value_or("");
  throw InvalidArgument(concat(key, " must be ", expected, ", got ", json_shown(json),
                               word.empty() ? "" : did_you_mean(word, words)));
}

FieldCodec<std::string> any_text() {
  return texts("TEXT", "UTF-8 text without line breaks and NUL", [](const std::string& text) {
    constexpr std::string_view kRefused("\n\0", 2);  // at a NUL the system would cut a path
    return is_utf8(text) && text.find_first_of(kRefused) == std::string::npos;
  });
}

FieldCodec<std::string> one_of(const std::vector<std::string>& words) {
  FieldCodec<std::string> codec =
      texts(join(words, "|"), "one of " + join(words, ", "),
            [words](const std::string& text) { return std::ranges::count(words, text) > 0; });
  codec.words = words;
  return codec;
}

FieldCodec<std::string> device_name() {
  return texts("NAME", "auto, cpu, cuda or cuda:N", [](const std::string& text) {
    if (text == "auto" || text == "cpu" || text == "cuda") return true;
    if (text.rfind("cuda:", 0) != 0) return false;
    const int64_t index = parse_int(text.substr(5)).value_or(-1);
    return index >= 0 && index < 128;
  });
}

FieldCodec<bool> yes_or_no() {
  return {.metavar = "",
          .expected = "true or false",
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

FieldCodec<int64_t> whole(int64_t min) {
  return integers(concat("a whole number of at least ", min),
                  [min](int64_t value) { return value >= min; });
}

FieldCodec<int64_t> whole(int64_t min, int64_t max) {
  return integers(concat("a whole number in [", min, ", ", max, "]"),
                  [=](int64_t value) { return value >= min && value <= max; });
}

FieldCodec<int64_t> channel_count() {
  const FieldCodec<int64_t> counts = integers(
      "auto, 1, 3 or 4", [](int64_t value) { return value == 1 || value == 3 || value == 4; });
  FieldCodec<int64_t> codec = counts;
  codec.metavar = "auto|1|3|4";
  codec.from_text = [counts](const std::string& text) {
    return text == "auto" ? std::optional<int64_t>(0) : counts.from_text(text);
  };
  codec.from_json = [counts](const Json& json) {
    return json == "auto" ? std::optional<int64_t>(0) : counts.from_json(json);
  };
  codec.to_json = [](int64_t value) { return value == 0 ? Json("auto") : Json(value); };
  return codec;
}

FieldCodec<Extents> image_extents() {
  return {.metavar = "HxW",
          .expected = concat("auto or HxW with sides in [1, ", kMaxExtent, "]"),
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

FieldCodec<std::vector<int64_t>> list(int64_t min_count, int64_t max) {
  using List = std::vector<int64_t>;
  const auto legal = [=](const List& values) {
    return std::ssize(values) >= min_count && values.size() <= kMaxListLength &&
           std::all_of(values.begin(), values.end(),
                       [max](int64_t value) { return value >= 1 && value <= max; });
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
          .expected = concat(min_count == 0 ? "none or " : "", "whole numbers in [1, ", max, "]"),
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

FieldCodec<std::optional<std::vector<int64_t>>> auto_or_list(int64_t min_count, int64_t max) {
  return auto_or(list(min_count, max));
}

FieldCodec<std::optional<int64_t>> auto_or_whole(int64_t min) { return auto_or(whole(min)); }
FieldCodec<std::optional<int64_t>> auto_or_whole(int64_t min, int64_t max) {
  return auto_or(whole(min, max));
}

FieldCodec<std::vector<double>> shares_or_file() {
  using List = std::vector<double>;
  return {.metavar = "X,X,..|FILE",
          .expected = "none, numbers in [0, 1] or a file of them",
          .from_text = [](const std::string& text) -> std::optional<List> {
            if (text == "none") return List();
            if (is_there(text)) return read_shares(text);
            size_t bad = 0;
            return parse_shares(text, bad);
          },
          .from_json = [](const Json& json) -> std::optional<List> {
            if (!json.is_array() || json.size() > kMaxNumbers) return std::nullopt;
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

FieldCodec<std::optional<UNetConfig>> network_or_file() {
  using Network = std::optional<UNetConfig>;
  return {
      .metavar = "FILE",
      .expected = "none or the config.json of a UNet2DModel",
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

FieldCodec<double> share() {
  return numbers("in [0, 1]", [](double value) { return value >= 0.0 && value <= 1.0; });
}

FieldCodec<double> below_one() {
  return numbers("in [0, 1)", [](double value) { return value >= 0.0 && value < 1.0; });
}

FieldCodec<double> between_0_1() {
  return numbers("in [1e-20, 1)",
                 [](double value) { return value >= kMinPositive && value < 1.0; });
}

FieldCodec<double> above_0_to_1() {
  return numbers("in [1e-20, 1]",
                 [](double value) { return value >= kMinPositive && value <= 1.0; });
}

FieldCodec<double> at_least_zero() {
  return numbers("in [0, 1e15]", [](double value) { return value >= 0.0 && value <= kMaxNumber; });
}

FieldCodec<double> above_zero() {
  return numbers("in [1e-20, 1e15]",
                 [](double value) { return value >= kMinPositive && value <= kMaxNumber; });
}

FieldCodec<double> duration() {
  FieldCodec<double> codec = at_least_zero();
  codec.metavar = "TIME";
  codec.expected = "seconds, or such as 90s, 6m, 2h";
  codec.from_text = parse_seconds;
  codec.from_json = [seconds = codec.from_json](const Json& json) {
    return json.is_string() ? parse_seconds(json.get<std::string>()) : seconds(json);
  };
  return codec;
}

}  // namespace ddpm
