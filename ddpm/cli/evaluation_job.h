// What the evaluations share: which images, by which network, in which folder.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/sampling_job.h"
#include "ddpm/data/dataset.h"
#include "ddpm/evaluation/bound_evaluator.h"
#include "ddpm/evaluation/result_file.h"
#include "ddpm/jobs/job_lock.h"
#include "ddpm/terminal/flags.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

struct EvaluationFlags {
  ModelFlags model;
  std::string data;
  std::string split = "auto";
  std::string fit = "none";
  double max_bad_files = kMaxBadFiles;
  int64_t images = 16;  // unless they are given, as many of them as there are
  bool images_given = false;
  int64_t first_image = 0;
  int64_t seed = 0;
  int64_t batch_size = 16;
  double save_every = 10.0;  // seconds
  std::string out;
};

void declare_evaluation_flags(Flags& flags, EvaluationFlags& values);

// Throws InvalidArgument that starts with `command` for what is missing or cannot be.
void check_evaluation_flags(const std::string& command, const EvaluationFlags& flags);

// The images of an evaluation: bytes, of the network's extents.
struct EvaluationImages {
  Dataset dataset;
  std::string name;  // "fashion-mnist:test"
  int64_t first;
  int64_t count;

  ReadImage reader() const;
  std::string text() const;  // "images 0 .. 15 of fashion-mnist:test"
};

// Says on standard output what it found. Throws InvalidArgument that starts with `command` for
// images that are not there or are none of bytes.
EvaluationImages open_images(const std::string& command, const EvaluationFlags& flags,
                             const Model& model);

// The rows of a result: `per_image` of each. Throws InvalidArgument if even their numbers would
// not fit, as for a million draws of a million probes.
int64_t rows_of(const std::string& command, const EvaluationImages& images, int64_t per_image);

// What every number depends on: the beginning of a job.
Json job_of(const EvaluationFlags& flags, const Model& model, const EvaluationImages& images);

// "averaged weights of checkpoint 0123456789abcdef in fp32, images 0 .. 15 of .., seed 0".
std::string protocol_text(const EvaluationFlags& flags, const Model& model,
                          const EvaluationImages& images);

// The rows of a job in its folder, and the lock on it.
struct LockedRows {
  JobLock lock;
  ResultFile file;
};

// Makes the folder, locks it and opens its rows, `name`, after it was seen that the rows are this
// job's and, where there are none, that no file is in the way of a report. Throws what ResultFile
// and JobLock throw, and InvalidArgument that starts with `command` for such a file; nothing is
// then written.
LockedRows open_rows(const std::string& command, const EvaluationFlags& flags,
                     const std::string& name, const std::vector<std::string>& reports,
                     const std::function<ResultFile(const std::filesystem::path& path)>& open);

// Completes the file with progress on the terminal; `unit` rows are counted. False if a signal
// stopped it: what was done is then saved, and the line `next`, which goes on, is printed.
bool complete_watched(ResultFile& file, int64_t width, const EvaluationFlags& flags,
                      const std::string& unit, const std::string& next, const ComputeRows& compute);

// "evaluate KIND" with the flags that differ from their defaults.
NextCommand next_evaluation(const std::string& program, const std::string& kind,
                            const EvaluationFlags& flags);

}  // namespace ddpm
