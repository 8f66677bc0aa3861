// A run's log, metrics.jsonl: its one writer and its one parser.
//
// One JSON object a line, only ever appended. "kind" says what a line is: start, metrics, skipped,
// channel_drift, resume, end. docs/run_log.md has the keys and an example.

#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"

namespace ddpm {

// Not safe to use from several threads, nor from several processes: a run has one writer.
class RunLogWriter {
 public:
  // Opens the log for appending; it need not exist. A last line that a crash left without its
  // newline is ended, so that readers pass it over.
  explicit RunLogWriter(std::filesystem::path path, FileLayer& files = real_files());

  // Appends one line. Throws InvalidArgument unless `line` is an object with a "kind" and finite
  // numbers; IoError.
  void append(const Json& line);

  // Makes what was appended so far durable: after a crash it is there. Throws IoError.
  void sync();

 private:
  std::filesystem::path path_;
  FileLayer& files_;
};

// A line of kind "metrics". What a line lacks, or has null, is absent.
struct MetricsRow {
  int64_t step = 0;
  std::optional<double> loss;                    // mean over the interval
  std::vector<std::optional<double>> loss_by_t;  // in ten equal parts of [1, T]
  std::optional<double> gradient_norm;
  std::optional<double> learning_rate;
  std::optional<double> ema_decay;
  std::optional<double> images_per_second;
  std::optional<double> waiting_share;
};

struct RunLog {
  std::vector<Json> lines;          // those that count, in their order
  std::vector<MetricsRow> metrics;  // of them the metrics
  int64_t unreadable_lines = 0;     // complete lines without docs/run_log.md's grammar
  std::vector<std::string> faults;  // of JSON among these: "line 7: step: expected .., got .."
};

// The step of a line of RunLog::lines; 0 if it has none.
int64_t log_step(const Json& line);

// Reads what a live writer may be appending to: a last line without its newline is not there yet.
// After a line of kind "resume" with step N, earlier lines with a larger step do not count. Unknown
// keys and kinds are kept. Nothing in `text` is an error.
RunLog parse_run_log(std::string_view text);

// The log at `path`; a missing file is an empty one. Throws IoError.
RunLog read_run_log(const std::filesystem::path& path);

// What an interrupted run and an uninterrupted one have in common: the lines of metrics, skipped
// updates and drifts, without times and speeds, one a line of text.
std::string comparable(const RunLog& log);

}  // namespace ddpm
