// What the evaluations share: which images, by which network, in which folder.

#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/base/names.h"
#include "ddpm/data/dataset.h"
#include "ddpm/evaluation/bound_evaluator.h"
#include "ddpm/evaluation/result_file.h"
#include "ddpm/jobs/data.h"
#include "ddpm/jobs/job_lock.h"
#include "ddpm/jobs/model.h"
#include "ddpm/jobs/watch.h"

namespace ddpm {

// The part of data that have one for tests.
enum class Split {
  kAuto,  // as the name of the data has it: SPEC:test is the test part
  kTrain,
  kTest,
};

inline constexpr std::array<Named<Split>, 3> kSplits = {{
    {Split::kAuto, "auto"},
    {Split::kTrain, "train"},
    {Split::kTest, "test"},
}};

struct EvaluationRequest {
  ModelRequest model = {};
  std::string data = {};
  Split split = Split::kAuto;
  Fit fit = Fit::kNone;                 // of images of another size than the network's
  double max_bad_files = kMaxBadFiles;  // in [0, 1]
  std::optional<int64_t> images = {};   // 0: all; none: 16, or as many as there are
  int64_t first_image = 0;              // the number of the first one
  int64_t seed = 0;                     // of the noise, at least 0
  int64_t batch_size = 16;              // calls of the network made together, at least 1
  double save_every = 10.0;             // seconds, which a crash may cost; 0: after each batch
  std::filesystem::path out = {};       // the folder of the results
};

// The images of an evaluation: bytes, of the network's extents.
struct EvaluationImages {
  Dataset dataset;
  std::string name;  // "fashion-mnist:test"
  int64_t first;
  int64_t count;

  ReadImage reader() const;
  std::string text() const;  // "images 0 .. 15 of fashion-mnist:test"
};

// Throws InvalidArgument that starts with `command` for images that are not there or are none of
// bytes; what open_dataset throws; Stopped.
EvaluationImages open_images(const std::string& command, const EvaluationRequest& request,
                             const Model& model, const Watch& watch);

// The rows of a result: `per_image` of each. Throws InvalidArgument if even their numbers would
// not fit, as for a million draws of a million probes.
int64_t rows_of(const std::string& command, const EvaluationImages& images, int64_t per_image);

// What every number depends on: the beginning of a job.
Json job_of(const EvaluationRequest& request, const Model& model, const EvaluationImages& images);

// "averaged weights of checkpoint 0123456789abcdef in fp32, images 0 .. 15 of .., seed 0".
std::string protocol_text(const EvaluationRequest& request, const Model& model,
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
LockedRows open_rows(const std::string& command, const EvaluationRequest& request,
                     const Watch& watch, const std::string& name,
                     const std::vector<std::string>& reports,
                     const std::function<ResultFile(const std::filesystem::path& path)>& open);

// Completes the file with progress; `unit` rows are counted. After Stopped what was done is saved.
void complete(ResultFile& file, int64_t width, const EvaluationRequest& request,
              const std::string& unit, const ComputeRows& compute, const Watch& watch);

}  // namespace ddpm
