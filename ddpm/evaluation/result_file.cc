#include "ddpm/evaluation/result_file.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/base/format_version.h"
#include "ddpm/base/sha256.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

namespace {

constexpr const char* kValues = "values";
constexpr const char* kJob = "job";
constexpr const char* kVersionKey = "version";
constexpr const char* kSum = "sha256";
constexpr int64_t kVersion = 2;          // 1 had neither a version nor a sum
constexpr double kShareOfSaving = 0.02;  // of the time, at most

using Metadata = std::map<std::string, std::string>;

const std::string& entry_of(const Metadata& metadata, const char* key,
                            const std::filesystem::path& path) {
  const auto entry = metadata.find(key);
  if (entry == metadata.end()) {
    throw FormatError(concat(path.string(), ": not a results file: metadata key '", key,
                             "' is missing; choose another --out"));
  }
  return entry->second;
}

void check_version(const Metadata& metadata, const std::filesystem::path& path) {
  const bool is_first = metadata.count(kJob) > 0 && metadata.count(kVersionKey) == 0;
  DDPM_CHECK(!is_first, path.string(), ": expected a results file of version ", kVersion,
             ", got one of version 1, whose rows have no checksum; choose another --out");
  const std::string& text = entry_of(metadata, kVersionKey, path);
  const auto version = parse_int(text);
  check_format_version(version ? Json(*version) : Json(text), kVersion, path.string());
}

Json job_of(const Metadata& metadata, const std::filesystem::path& path) {
  Json job = parse_json(entry_of(metadata, kJob, path), path.string());
  if (!job.is_object()) throw FormatError(path.string() + ": the job is no object");
  return job;
}

void check_same_job(const std::filesystem::path& path, const Json& found, const Json& expected) {
  std::set<std::string> keys;
  for (const Json* job : {&found, &expected}) {
    for (const auto& [key, value] : job->items()) keys.insert(key);
  }
  const auto shown = [](const Json& job, const std::string& key) {
    return job.contains(key) ? json_shown(job[key]) : "missing";
  };
  for (const std::string& key : keys) {
    const bool same = found.contains(key) && expected.contains(key) && found[key] == expected[key];
    DDPM_CHECK(same, path.string(), " is of another job: its ", key, " is ", shown(found, key),
               ", expected ", shown(expected, key), "; choose another --out");
  }
}

// Of the job and its rows together: neither may change without the other.
std::string sum_of(const std::string& job, std::span<const double> values) {
  Sha256 sum;
  sum.add(as_bytes(job));
  sum.add(as_bytes("\n"));
  sum.add(std::as_bytes(values));
  return sum.hex();
}

void check_sum(const Metadata& metadata, std::span<const double> values,
               const std::filesystem::path& path) {
  const std::string expected = entry_of(metadata, kSum, path);
  const std::string got = sum_of(entry_of(metadata, kJob, path), values);
  if (got != expected) {
    throw FormatError(concat(path.string(), ": damaged: expected rows of SHA-256 ", expected,
                             ", got ", got, "; remove it to begin again"));
  }
}

std::vector<double> values_of(const SafetensorsFile& file, const std::filesystem::path& path,
                              int64_t total, int64_t width) {
  const auto entry = file.tensors().find(kValues);
  const bool right = entry != file.tensors().end() && entry->second.dtype == DType::kF64 &&
                     entry->second.shape.size() == 2 && entry->second.shape[0] <= total &&
                     entry->second.shape[1] == width;
  if (!right) {
    throw FormatError(concat(path.string(), ": expected \"", kValues, "\", float64 of at most ",
                             total, " x ", width));
  }
  std::vector<double> values(static_cast<size_t>(entry->second.count()));
  const std::string bytes = file.bytes(kValues);
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  if (!all_finite(std::span<const double>(values))) {
    throw FormatError(path.string() + ": a number is not finite");
  }
  return values;
}

}  // namespace

ResultFile::ResultFile(std::filesystem::path path, const Json& job, int64_t total, int64_t width,
                       FileLayer& files)
    : path_(std::move(path)), job_(json_line(job)), total_(total), width_(width), files_(files) {
  DDPM_ASSERT(total > 0 && width > 0);
  if (!std::filesystem::exists(path_)) return;
  const SafetensorsFile file(path_);
  check_version(file.metadata(), path_);
  check_same_job(path_, job_of(file.metadata(), path_), job);
  values_ = values_of(file, path_, total_, width_);
  check_sum(file.metadata(), values_, path_);
}

void ResultFile::add(std::span<const double> rows) {
  DDPM_ASSERT(std::ssize(rows) % width_ == 0);
  values_.insert(values_.end(), rows.begin(), rows.end());
  DDPM_ASSERT(done() <= total_);
}

void ResultFile::save() const {
  const TensorToWrite tensor{.name = kValues,
                             .dtype = DType::kF64,
                             .shape = {done(), width_},
                             .bytes = std::as_bytes(std::span(values_))};
  const Metadata metadata = {
      {kJob, job_}, {kVersionKey, std::to_string(kVersion)}, {kSum, sum_of(job_, values_)}};
  write_file_whole(path_, encode_safetensors({tensor}, metadata), files_);
}

void complete(ResultFile& file, int64_t width, int64_t batch, const ComputeRows& compute,
              const std::function<void(int64_t done)>& observer, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto passed = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  if (file.is_complete()) return;
  file.save();  // the folder is this job's from here on
  double pause = seconds;
  auto saved = Clock::now();
  try {
    while (!file.is_complete()) {
      const int64_t first = file.done();
      const int64_t end = std::min(file.total(), (first / batch + 1) * batch);
      std::vector<double> rows(static_cast<size_t>((end - first) * width));
      compute(first, rows);
      file.add(rows);
      observer(file.done());
      if (passed(saved) < pause) continue;
      const auto began = Clock::now();
      file.save();
      saved = Clock::now();
      if (seconds > 0.0) pause = std::max(seconds, passed(began) / kShareOfSaving);
    }
  } catch (...) {
    file.save();
    throw;
  }
  file.save();
}

}  // namespace ddpm
