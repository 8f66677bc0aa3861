// How the values of a configuration's fields are written, as text and in JSON, and their ranges.

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

// The readers give nothing for what they do not take, values out of range included.
template <typename T>
struct Form {
  std::string metavar;  // "N"
  std::string wanted;   // "a whole number of at least 1"
  std::function<std::optional<T>(const std::string&)> from_text;
  std::function<std::optional<T>(const Json&)> from_json;
  std::function<Json(const T&)> to_json;
};

using Extents = std::pair<int64_t, int64_t>;  // height, width

Form<std::string> any_text();  // without line breaks and NUL
Form<std::string> one_of(const std::vector<std::string>& choices);
Form<std::string> device_name();  // auto, cpu, cuda or cuda:N
Form<bool> yes_or_no();

inline constexpr int64_t kMaxCount = 1'000'000'000'000;  // times a batch it is still an int64

Form<int64_t> whole(int64_t least);
Form<int64_t> whole(int64_t least, int64_t most);
Form<std::optional<int64_t>> auto_or_whole(int64_t least);
Form<std::optional<int64_t>> auto_or_whole(int64_t least, int64_t most);
Form<int64_t> channel_count();  // "auto" for 0
Form<Extents> image_extents();  // "auto" for 0, 0; else "HxW"

// Whole numbers in [1, most], at least `least_count` and at most 16 of them; none is written
// "none".
Form<std::vector<int64_t>> list(int64_t least_count, int64_t most);
Form<std::optional<std::vector<int64_t>>> auto_or_list(int64_t least_count, int64_t most);

// Up to 100,000 numbers in [0, 1]. As text with commas between them, "none" for none, or the path
// of a file that has them with spaces, commas or line ends between; what is wrong in a file is an
// InvalidArgument that says what and where.
Form<std::vector<double>> shares_or_file();

// A UNet2DModel as its config.json, or none. As text "none", that JSON, or the path of the file or
// of the folder that holds it; what is wrong in it is an InvalidArgument that says what and where.
Form<std::optional<UNetConfig>> network_or_file();

Form<double> share();          // in [0, 1]
Form<double> below_one();      // in [0, 1)
Form<double> between_0_1();    // in [1e-20, 1)
Form<double> above_0_to_1();   // in [1e-20, 1]
Form<double> at_least_zero();  // in [0, 1e15]
Form<double> above_zero();     // in [1e-20, 1e15]
Form<double> duration();       // seconds; also "90s", "6m", "2h"

}  // namespace ddpm
