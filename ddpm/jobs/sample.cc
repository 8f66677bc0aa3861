#include "ddpm/jobs/sample.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/data/transform.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/jobs/image_files.h"
#include "ddpm/jobs/images_npz.h"
#include "ddpm/jobs/job_lock.h"
#include "ddpm/plot/image_grid.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kImagesInGrid = 256;  // of a longer job the first ones

// A request that was checked, with what it needs.
struct SampleJob {
  const SampleRequest& request;
  const TorchHooks& hooks;
  const Watch& watch;
  Model model;
  Chain chain;
  PngText text;
};

// The progress of `done` images of `total`.
void report(const SampleJob& job, double done, int64_t total) {
  advance(job.watch,
          {.phase = JobPhase::kSampling, .unit = "images", .done = done, .total = total});
}

// Makes the images of one batch and writes each. `first` of `total` images are done before.
void make_images(const SampleJob& job, std::span<const int64_t> indices, int64_t first,
                 int64_t total) {
  const auto& [request, hooks, watch, model, chain, text] = job;
  Batch x(model.shape(std::ssize(indices)));
  const JobNoise noise =
      job_noise(request.rng, static_cast<uint64_t>(request.seed), indices, x.shape(), hooks);
  noise.fill_initial(x);
  // the part of the way to time 0 that is behind, as a part of the images
  const double share =
      static_cast<double>(indices.size()) / static_cast<double>(chain.times.size());
  double done = static_cast<double>(first);
  run_sampler(model.predictor, chain.times, chain.options, noise.steps, indices, x,
              [&job, &done, share, total](const SampleStep&) {
                give_up_if_stopped(job.watch);
                report(job, done += share, total);
              });
  for (size_t i = 0; i < indices.size(); ++i) {
    const Image image = to_image(x.image(static_cast<int64_t>(i)), model.config.unet.image_channels,
                                 model.config.unet.height, model.config.unet.width, chain.rounding);
    write_file_whole(image_file(request.out, indices[i]),
                     encode_job_image(image, text, indices[i]));
  }
  report(job, static_cast<double>(first + std::ssize(indices)), total);
}

void make_missing(const SampleJob& job, MissingImages missing) {
  const int64_t total = missing.size();
  const bool together = draws_all_images_together(job.request.rng);
  const int64_t batch = together ? total : job.request.batch_size;
  int64_t done = 0;
  for (auto numbers = missing.next(batch); !numbers.empty(); numbers = missing.next(batch)) {
    make_images(job, numbers, done, total);
    done += std::ssize(numbers);
  }
}

fs::path grid_file(const SampleRequest& request) { return request.out / "grid.png"; }

// What this job would overwrite has to be its own.
MissingImages images_to_make(const SampleRequest& request, const PngText& text) {
  check_is_of_job(grid_file(request), marked(text));
  MissingImages missing = missing_images(request.out, text, request.first_index, request.count);
  const bool together = draws_all_images_together(request.rng);
  return together && missing.size() > 0 ? MissingImages(0, request.count, {}) : missing;
}

void write_grid(const SampleJob& job) {
  const SampleRequest& request = job.request;
  const int64_t shown = std::min(request.count, kImagesInGrid);
  const auto first = read_images(request.out, job.text, request.first_index, shown);
  const Image grid = image_grid(first, grid_options_for(first[0]));
  write_file_whole(grid_file(request), encode_picture(grid, job.text));
}

void write_npz(const SampleJob& job) {
  const SampleRequest& request = job.request;
  const ByteSink sink = request.open_npz();
  const auto image = [&job, &request](int64_t i) {
    give_up_if_stopped(job.watch);
    return read_images(request.out, job.text, request.first_index + i, 1)[0];
  };
  stream_images_npz(request.count, image, sink);
}

// The model that is called for at most `most` images at a time, however many are made together.
Model in_slices(Model model, int64_t most) {
  model.network = in_slices(model.network, most);
  model.predictor =
      NoisePredictor(model.network, model.predictor.schedule(), model.predictor.prediction(),
                     model.predictor.learned_variance());
  return model;
}

}  // namespace

PngText sample_job(const SampleRequest& request, const Model& model, const Chain& chain) {
  PngText job = chain.text;
  add_model_text(job, model, request.model);
  job["command"] = "sample";
  job["seed"] = std::to_string(request.seed);
  job["rng"] = to_string(request.rng);
  if (request.rng != Rng::kOwn) job["libtorch"] = model.libtorch;  // whose numbers they are
  // how many there are decides what each is, where one generator draws for all of them
  job["images"] = draws_all_images_together(request.rng) ? std::to_string(request.count) : "any";
  return job;
}

void check(const SampleRequest& request) {
  DDPM_CHECK(
      !draws_all_images_together(request.rng) || request.first_index == 0,
      "sample: --first-index does not go with --rng diffusers, whose one generator draws for "
      "all images from 0 on; got ",
      request.first_index);
}

SampleResult sample(const SampleRequest& request, const TorchHooks& hooks, const Watch& watch) {
  check(request);
  if (request.rng != Rng::kOwn && !hooks.torch_normal) throw NeedsTorch();
  Model model = open_model("sample", request.model, hooks, watch);
  if (draws_all_images_together(request.rng)) {
    model = in_slices(std::move(model), request.batch_size);
  }
  const Chain chain = chain_of("sample", request.sampler, model.config);
  const SampleJob job{request, hooks, watch, model, chain, sample_job(request, model, chain)};
  images_to_make(request, job.text);  // before anything is made or locked
  const JobLock lock("sample", request.out, watch);
  const MissingImages missing = images_to_make(request, job.text);  // nobody else changes it now
  const SampleResult result{missing.size(), std::ssize(chain.times) - 1};
  begin(watch, concat(describe(model, request.model), "\n", result.made, " of ", request.count,
                      " images to make, each in ", result.steps, " steps"));
  make_missing(job, missing);
  write_grid(job);
  if (request.open_npz) write_npz(job);
  return result;
}

}  // namespace ddpm
