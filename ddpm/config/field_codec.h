// Field codecs: parser, validator and serialiser of one value, as text and in JSON.
//
// The fields of a training configuration are made of them, and a command that takes a value of the
// same form parses it with the same codec.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/unet/config.h"

namespace ddpm {

// Throws InvalidArgument "key must be EXPECTED, got VALUE", with the nearest of `words`, if any is
// near.
[[noreturn]] void refuse_value(const std::string& key, const std::string& expected,
                               const std::string& text, const std::vector<std::string>& words);
[[noreturn]] void refuse_value(const std::string& key, const std::string& expected,
                               const Json& json, const std::vector<std::string>& words);

// Immutable; safe to use from several threads.
template <typename T>
struct FieldCodec {
  std::string metavar;   // "N"
  std::string expected;  // "a whole number of at least 1"
  // They return nothing for values that they refuse, those out of range included.
  std::function<std::optional<T>(const std::string&)> from_text;
  std::function<std::optional<T>(const Json&)> from_json;
  std::function<Json(const T&)> to_json;
  std::vector<std::string> words = {};  // of an enumeration: all of them

  // The value of the field `key`. They throw InvalidArgument as refuse_value does.
  T parse(const std::string& key, const std::string& text) const {
    std::optional<T> value = from_text(text);
    if (!value) refuse_value(key, expected, text, words);
    return *std::move(value);
  }
  T read(const std::string& key, const Json& json) const {
    std::optional<T> value = from_json(json);
    if (!value) refuse_value(key, expected, json, words);
    return *std::move(value);
  }
};

using Extents = std::pair<int64_t, int64_t>;  // height, width

FieldCodec<std::string> any_text();  // without line breaks and NUL
FieldCodec<std::string> one_of(const std::vector<std::string>& words);
FieldCodec<std::string> device_name();  // auto, cpu, cuda or cuda:N
FieldCodec<bool> yes_or_no();

inline constexpr int64_t kMaxCount = 1'000'000'000'000;  // times a batch it is still an int64

FieldCodec<int64_t> whole(int64_t min);
FieldCodec<int64_t> whole(int64_t min, int64_t max);
FieldCodec<std::optional<int64_t>> auto_or_whole(int64_t min);
FieldCodec<std::optional<int64_t>> auto_or_whole(int64_t min, int64_t max);
FieldCodec<int64_t> channel_count();  // "auto" for 0
FieldCodec<Extents> image_extents();  // "auto" for 0, 0; else "HxW"

// `min_count` to 16 whole numbers in [1, max]; none is written "none".
FieldCodec<std::vector<int64_t>> list(int64_t min_count, int64_t max);
FieldCodec<std::optional<std::vector<int64_t>>> auto_or_list(int64_t min_count, int64_t max);

// Up to 100,000 numbers in [0, 1]. As text with commas between them, "none" for none, or the path
// of a file that has them with spaces, commas or line ends between. For a faulty file from_text
// throws InvalidArgument with the place and the reason.
FieldCodec<std::vector<double>> shares_or_file();

// A UNet2DModel as its config.json, or none. As text "none", that JSON, or the path of the file or
// of the folder that holds it; both readers throw InvalidArgument with the reason if it is faulty.
FieldCodec<std::optional<UNetConfig>> network_or_file();

FieldCodec<double> share();          // in [0, 1]
FieldCodec<double> below_one();      // in [0, 1)
FieldCodec<double> between_0_1();    // in [1e-20, 1)
FieldCodec<double> above_0_to_1();   // in [1e-20, 1]
FieldCodec<double> at_least_zero();  // in [0, 1e15]
FieldCodec<double> above_zero();     // in [1e-20, 1e15]
FieldCodec<double> duration();       // seconds; also "90s", "6m", "2h"

}  // namespace ddpm
