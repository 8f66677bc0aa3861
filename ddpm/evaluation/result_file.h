// The numbers of a long job in a file that grows, so that the job may be interrupted at any moment
// and goes on from there.
//
// The file is a safetensors file with one tensor, "values", float64 [rows, width], and three
// entries of metadata: "job", the JSON of all that the numbers depend on, "sha256" over that and
// the rows, and "version". docs/likelihood.md describes the rows. It is replaced whole each time,
// so a crash loses the rows since then and nothing else.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"

namespace ddpm {

class ResultFile {
 public:
  // Takes what is at `path` of the same job; without a file there are no rows yet, and nothing is
  // written before save().
  //   job    a flat object: whatever changes a number
  //   total  rows of the whole job
  // Throws InvalidArgument for the file of another job, naming the first difference, and for one of
  // version 1, which has no sum; NewerVersion; FormatError for one that is damaged, of another sum
  // or holds a number that is not finite; IoError. The file is left as it is.
  ResultFile(std::filesystem::path path, const Json& job, int64_t total, int64_t width,
             FileLayer& files = real_files());

  int64_t done() const { return static_cast<int64_t>(values_.size()) / width_; }  // rows
  int64_t total() const { return total_; }
  bool is_complete() const { return done() == total_; }
  std::span<const double> values() const { return values_; }  // [done, width]

  void add(std::span<const double> rows);  // one row or more
  void save() const;

 private:
  std::filesystem::path path_;
  std::string job_;  // one line of JSON
  int64_t total_;
  int64_t width_;
  FileLayer& files_;
  std::vector<double> values_;
};

// Writes the rows first .. first + rows.size() / width - 1.
using ComputeRows = std::function<void(int64_t first, std::span<double> rows)>;

// Computes what is missing, `batch` rows at a time, always the same ones together: those from a
// multiple of `batch` on. Saves at the start, every `seconds` (less often where saving takes
// long; at 0 behind each batch), at the end, and before an exception leaves it. `observer` is told
// how many rows are done; what it throws ends the work.
void complete(ResultFile& file, int64_t width, int64_t batch, const ComputeRows& compute,
              const std::function<void(int64_t done)>& observer, double seconds = 10.0);

}  // namespace ddpm
