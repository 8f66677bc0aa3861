#include "ddpm/runlog/run_log.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kLargestLog = int64_t{1} << 32;

// What differs from one execution to the next.
constexpr std::array<const char*, 3> kTimes = {"seconds", "images_per_second", "waiting_share"};

std::optional<double> number(const Json& line, const char* key) {
  const auto found = line.find(key);
  if (found == line.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

bool is_count(const Json& value) {
  if (value.is_number_unsigned()) {
    return value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()};
  }
  return value.is_number_integer() && value.get<int64_t>() >= 0;
}

bool is_number_or_null(const Json& value) { return value.is_number() || value.is_null(); }

bool is_list_of_numbers(const Json& value) {
  return value.is_array() && std::ranges::all_of(value, is_number_or_null);
}

// What readers of the log count on.
struct KeyType {
  const char* key;
  bool (*fits)(const Json& value);
  const char* expected;
};
constexpr const char* kCount = "a whole number of at least 0";
constexpr const char* kNumber = "a number or null";
constexpr KeyType kTypes[] = {
    {"step", is_count, kCount},
    {"steps", is_count, kCount},
    {"images", is_count, kCount},
    {"loss", is_number_or_null, kNumber},
    {"gradient_norm", is_number_or_null, kNumber},
    {"learning_rate", is_number_or_null, kNumber},
    {"ema_decay", is_number_or_null, kNumber},
    {"images_per_second", is_number_or_null, kNumber},
    {"waiting_share", is_number_or_null, kNumber},
    {"seconds", is_number_or_null, kNumber},
    {"loss_by_t", is_list_of_numbers, "a list of numbers or nulls"},
    {"data_fingerprint", [](const Json& value) { return value.is_string(); }, "a text"},
    {"reason", [](const Json& value) { return value.is_string(); }, "a text"},
};

std::string kind_of(const Json& line) { return line.at("kind").get<std::string>(); }

MetricsRow row_of(const Json& line) {
  MetricsRow row;
  row.step = log_step(line);
  row.loss = number(line, "loss");
  row.gradient_norm = number(line, "gradient_norm");
  row.learning_rate = number(line, "learning_rate");
  row.ema_decay = number(line, "ema_decay");
  row.images_per_second = number(line, "images_per_second");
  row.waiting_share = number(line, "waiting_share");
  const auto bins = line.find("loss_by_t");
  if (bins == line.end() || !bins->is_array()) return row;
  for (const Json& bin : *bins) {
    row.loss_by_t.push_back(bin.is_number() ? std::optional(bin.get<double>()) : std::nullopt);
  }
  return row;
}

// A complete line as an object with a kind, or nothing.
std::optional<Json> parse_line(std::string_view text) {
  try {
    Json line = parse_json(text, "log");
    const auto kind = line.is_object() ? line.find("kind") : line.end();
    if (!line.is_object() || kind == line.end() || !kind->is_string()) return std::nullopt;
    return line;
  } catch (const FormatError&) {
    return std::nullopt;
  }
}

// "step: expected a whole number of at least 0, got 'x'", or nothing.
std::optional<std::string> fault_of(const Json& line) {
  for (const KeyType& type : kTypes) {
    const auto found = line.find(type.key);
    if (found == line.end() || type.fits(*found)) continue;
    return concat(type.key, ": expected ", type.expected, ", got ", json_shown(*found));
  }
  return std::nullopt;
}

// A run that was resumed at a step has made what lies behind it again. One pass from the end, since
// a log may have many resumes.
void drop_lines_made_again(std::vector<Json>& lines) {
  int64_t resumed_at = std::numeric_limits<int64_t>::max();
  std::vector<bool> dropped(lines.size());
  for (size_t i = lines.size(); i-- > 0;) {
    dropped[i] = log_step(lines[i]) > resumed_at;
    if (kind_of(lines[i]) == "resume") resumed_at = std::min(resumed_at, log_step(lines[i]));
  }
  size_t kept = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (dropped[i]) continue;
    if (kept != i) lines[kept] = std::move(lines[i]);
    ++kept;
  }
  lines.resize(kept);
}

}  // namespace

RunLogWriter::RunLogWriter(fs::path path, FileLayer& files)
    : path_(std::move(path)), files_(files) {
  if (!fs::exists(path_)) return;
  const InputFile file(path_);
  if (file.size() == 0) return;
  std::byte last{};
  file.read_at(file.size() - 1, {&last, 1});
  if (last != std::byte{'\n'}) files_.append(path_, as_bytes("\n"));
}

void RunLogWriter::append(const Json& line) {
  DDPM_CHECK(line.is_object() && line.contains("kind"), "log: wanted an object with a kind, got ",
             line.dump());
  files_.append(path_, as_bytes(json_line(line) + "\n"));
}

void RunLogWriter::sync() {
  if (!fs::exists(path_)) return;
  files_.sync(path_);
  files_.sync(fs::absolute(path_).parent_path());  // its name too
}

int64_t log_step(const Json& line) {
  const auto found = line.find("step");
  return found == line.end() ? 0 : found->get<int64_t>();
}

RunLog parse_run_log(std::string_view text) {
  RunLog log;
  size_t begin = 0;
  int64_t number = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    ++number;
    auto line = parse_line(text.substr(begin, end - begin));
    const auto fault = line ? fault_of(*line) : std::nullopt;
    if (fault) log.faults.push_back(concat("line ", number, ": ", *fault));
    if (line && !fault) {
      log.lines.push_back(std::move(*line));
    } else {
      ++log.unreadable_lines;
    }
    begin = end + 1;
  }
  drop_lines_made_again(log.lines);
  for (const Json& line : log.lines) {
    if (kind_of(line) == "metrics") log.metrics.push_back(row_of(line));
  }
  return log;
}

RunLog read_run_log(const fs::path& path) {
  return fs::exists(path) ? parse_run_log(read_file(path, kLargestLog)) : RunLog{};
}

std::string comparable(const RunLog& log) {
  std::string text;
  for (Json line : log.lines) {
    const std::string kind = kind_of(line);
    if (kind == "start" || kind == "resume" || kind == "end") continue;
    for (const char* key : kTimes) line.erase(key);
    text += json_line(line) + "\n";
  }
  return text;
}

}  // namespace ddpm
