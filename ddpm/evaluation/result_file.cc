#include "ddpm/evaluation/result_file.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/formats/safetensors.h"

namespace ddpm {

namespace {

constexpr const char* kValues = "values";
constexpr const char* kJob = "job";
constexpr double kShareOfSaving = 0.02;  // of the time, at most

Json job_of(const SafetensorsFile& file, const std::filesystem::path& path) {
  const auto entry = file.metadata().find(kJob);
  if (entry == file.metadata().end()) {
    throw FormatError(concat(path.string(), " is no file of results: it names no job"));
  }
  Json job = parse_json(entry->second, path.string());
  if (!job.is_object()) throw FormatError(path.string() + ": the job is no object");
  return job;
}

void check_same_job(const std::filesystem::path& path, const Json& found, const Json& wanted) {
  for (const auto& [key, value] : wanted.items()) {
    const std::string got = found.contains(key) ? json_shown(found[key]) : "none";
    DDPM_CHECK(found.contains(key) && found[key] == value, path.string(),
               " is of another job: its ", key, " is ", got, ", wanted ", json_shown(value),
               "; choose another --out");
  }
  DDPM_CHECK(found.size() == wanted.size(), path.string(), " is of another job");
}

std::vector<double> values_of(const SafetensorsFile& file, const std::filesystem::path& path,
                              int64_t total, int64_t width) {
  const auto entry = file.tensors().find(kValues);
  const bool right = entry != file.tensors().end() && entry->second.dtype == DType::kF64 &&
                     entry->second.shape.size() == 2 && entry->second.shape[0] <= total &&
                     entry->second.shape[1] == width;
  if (!right) {
    throw FormatError(concat(path.string(), ": wanted \"", kValues, "\", float64 of at most ",
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
  check_same_job(path_, job_of(file, path_), job);
  values_ = values_of(file, path_, total_, width_);
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
  write_file_whole(path_, encode_safetensors({tensor}, {{kJob, job_}}), files_);
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
