#include "ddpm/export/origin.h"

#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/format_version.h"

namespace ddpm {

namespace {

constexpr const char* kFormat = "ddpm export";
constexpr int64_t kVersion = 1;
constexpr int64_t kMaxBytes = 1 << 16;
constexpr size_t kHashDigits = 64;

class OriginReader {
 public:
  OriginReader(const Json& json, std::string who) : json_(json), who_(std::move(who)) {}

  ExportOrigin read() const {
    if (!json_.is_object()) fail("wanted a JSON object, got ", json_shown(json_));
    if (at("format") != kFormat) {
      fail("expected format '", kFormat, "', got ", json_shown(at("format")));
    }
    check_format_version(at("version"), kVersion, who_);
    const Json known = origin_json({});
    for (const auto& [key, value] : json_.items()) {
      if (!known.contains(key)) fail("unknown key ", json_shown(Json(key)));
    }
    ExportOrigin origin;
    if (!at("weights").is_null()) origin.weights = one_of("weights", {"ema", "raw"});
    origin.dtype = one_of("dtype", {"fp32", "fp16", "bf16"});
    origin.source = hash("source_sha256");
    if (!at("step").is_null()) origin.step = step();
    origin.version = text("ddpm_version");
    return origin;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw FormatError(concat(who_, ": ", parts...));
  }

  const Json& at(const char* key) const {
    if (!json_.contains(key)) fail("no key '", key, "'");
    return json_.at(key);
  }

  std::string text(const char* key) const {
    if (!at(key).is_string()) fail(key, ": wanted text, got ", json_shown(at(key)));
    return at(key).get<std::string>();
  }

  std::string one_of(const char* key, const std::set<std::string>& known) const {
    std::string value = text(key);
    if (known.count(value) == 0) fail(key, ": unknown word ", json_shown(at(key)));
    return value;
  }

  std::string hash(const char* key) const {
    std::string value = text(key);
    if (value.size() != kHashDigits ||
        value.find_first_not_of("0123456789abcdef") != std::string::npos) {
      fail(key, ": wanted ", kHashDigits, " hexadecimal digits, got ", json_shown(at(key)));
    }
    return value;
  }

  int64_t step() const {
    const Json& value = at("step");
    if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{INT64_MAX}) {
      fail("step: wanted a whole number of at least 0, got ", json_shown(value));
    }
    return value.get<int64_t>();
  }

  const Json& json_;
  std::string who_;
};

}  // namespace

Json origin_json(const ExportOrigin& origin) {
  return {{"format", kFormat},
          {"version", kVersion},
          {"weights", origin.weights.empty() ? Json(nullptr) : Json(origin.weights)},
          {"dtype", origin.dtype},
          {"source_sha256", origin.source},
          {"step", origin.step ? Json(*origin.step) : Json(nullptr)},
          {"ddpm_version", origin.version}};
}

std::optional<ExportOrigin> read_origin(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kOriginName;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return OriginReader(parse_json(read_file(path, kMaxBytes), path.string()), path.string()).read();
}

}  // namespace ddpm
