#include "ddpm/jobs/evaluation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/base/text.h"
#include "ddpm/base/version.h"
#include "ddpm/jobs/threads.h"
#include "ddpm/kernels/cpu_path.h"

namespace ddpm {

namespace {

constexpr const char* kTestSuffix = ":test";
constexpr int64_t kDefaultImages = 16;

// --data with --split: a name that ends in ":test" is the test part of what is before.
std::string data_name(const std::string& command, const EvaluationRequest& request) {
  const bool is_test = request.data.ends_with(kTestSuffix);
  DDPM_CHECK(!is_test || request.split != Split::kTrain, command, ": --split train and --data ",
             request.data, " exclude each other");
  return request.split == Split::kTest && !is_test ? request.data + kTestSuffix : request.data;
}

// Every image, before any work: a single one of 16 bits would end a job midway.
void check_bytes(const std::string& command, const EvaluationImages& images) {
  const auto deep = images.dataset.first_beyond_bytes(images.first, images.count);
  DDPM_CHECK(!deep, command,
             ": --data: expected images of 8 bits, whose likelihood in bits is "
             "defined, got more bits in image ",
             *deep, " of ", images.name,
             "; convert it to 8 bits, or leave it out by --first-image and --images");
}

}  // namespace

ReadImage EvaluationImages::reader() const {
  return [images = dataset](int64_t index, std::span<float> out) {
    images.read(index, /*flip=*/false, out);
  };
}

std::string EvaluationImages::text() const {
  return concat(count == 1 ? "image " : "images ", first,
                count == 1 ? "" : concat(" .. ", first + count - 1), " of ", name);
}

EvaluationImages open_images(const std::string& command, const EvaluationRequest& request,
                             const Model& model, const Watch& watch) {
  const std::string name = data_name(command, request);
  const Dataset dataset = open_dataset(
      data_of_network(name, request.fit, request.max_bad_files, model.config.unet), watch);
  DDPM_CHECK(request.first_image < dataset.size(), command, ": --first-image: wanted one in [0, ",
             dataset.size(), "), got ", request.first_image);
  const int64_t room = dataset.size() - request.first_image;
  const int64_t asked = request.images.value_or(std::min(kDefaultImages, room));
  DDPM_CHECK(asked <= room, command, ": --images: expected images in [0, ", dataset.size(),
             "), got ", request.first_image, " .. ", request.first_image + asked - 1);
  EvaluationImages images{.dataset = dataset,
                          .name = name,
                          .first = request.first_image,
                          .count = asked > 0 ? asked : room};
  check_bytes(command, images);
  return images;
}

int64_t rows_of(const std::string& command, const EvaluationImages& images, int64_t per_image) {
  constexpr int64_t kMaxRows = 1'000'000'000'000;
  int64_t end = 0;
  const bool fits = !__builtin_mul_overflow(images.first + images.count, per_image, &end) &&
                    images.count * per_image <= kMaxRows;
  DDPM_CHECK(fits, command, ": expected at most ", with_thousands(kMaxRows), " rows, got ",
             with_thousands(images.count), " images times ", with_thousands(per_image),
             "; evaluate fewer images, draws or probes");
  return images.count * per_image;
}

Json job_of(const EvaluationRequest& request, const Model& model, const EvaluationImages& images) {
  const bool by_torch = model.backend == NetworkBackend::kLibTorch;
  Json job = {{"program", concat("ddpm ", kVersion)},
              {"checkpoint", model.hash},
              {"weights", weights_name(request.model.weights)},
              {"precision", name_of(kPrecisions, precision_used(model.backend, request.model))},
              {"executor", to_string(model.backend)},
              {"device", model.device},
              {"libtorch", by_torch ? Json(model.libtorch) : Json()},
              {"cpu", model.device == "cpu" ? Json(name_of(choose_cpu_path())) : Json()},
              {"threads",
               by_torch ? Json(libtorch_threads(request.model.threads, usable_cores())) : Json()},
              {"data", images.dataset.fingerprint()},
              {"first_image", images.first},
              {"images", images.count},
              {"seed", request.seed},
              {"batch_size", request.batch_size},
              {"class", request.model.label ? Json(*request.model.label) : Json()}};
  return job;
}

std::string protocol_text(const EvaluationRequest& request, const Model& model,
                          const EvaluationImages& images) {
  return concat(weights_name(request.model.weights), " weights of checkpoint ", model.hash, " in ",
                name_of(kPrecisions, precision_used(model.backend, request.model)),
                request.model.label ? concat(", class ", *request.model.label) : "", ", ",
                images.text(), ", seed ", request.seed);
}

LockedRows open_rows(const std::string& command, const EvaluationRequest& request,
                     const Watch& watch, const std::string& name,
                     const std::vector<std::string>& reports,
                     const std::function<ResultFile(const std::filesystem::path& path)>& open) {
  const std::filesystem::path folder = request.out;
  const std::filesystem::path rows = folder / name;
  open(rows);  // throws for those of another job
  for (const std::string& report : reports) {
    DDPM_CHECK(std::filesystem::exists(rows) || !std::filesystem::exists(folder / report), command,
               ": --out: ", (folder / report).string(), ": expected ", name, " of this job beside ",
               "it, got none, so it is not this job's; choose another --out");
  }
  return {JobLock(command, folder, watch), open(rows)};
}

void complete(ResultFile& file, int64_t width, const EvaluationRequest& request,
              const std::string& unit, const ComputeRows& compute, const Watch& watch) {
  JobProgress progress{.phase = JobPhase::kEvaluating,
                       .unit = unit,
                       .done = static_cast<double>(file.done()),
                       .total = file.total(),
                       .start = file.done()};
  if (file.is_complete()) return advance(watch, progress);
  complete(
      file, width, request.batch_size, compute,
      [&watch, &progress](int64_t done) {
        give_up_if_stopped(watch);
        progress.done = static_cast<double>(done);
        advance(watch, progress);
      },
      request.save_every);
}

}  // namespace ddpm
