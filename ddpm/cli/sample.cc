// `ddpm sample`: images from noise, one file each.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/sample_job.h"
#include "ddpm/data/transform.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/jobs/executor.h"
#include "ddpm/jobs/image_files.h"
#include "ddpm/jobs/images_npz.h"
#include "ddpm/jobs/job_lock.h"
#include "ddpm/jobs/job_noise.h"
#include "ddpm/plot/image_grid.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/progress.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kImagesInGrid = 256;  // of a longer job the first ones

// Makes the images of one batch and writes each. `first` images are done before.
void make_images(const Model& model, const Chain& chain, const SampleFlags& flags,
                 std::span<const int64_t> indices, const PngText& job, const TorchHooks& hooks,
                 Progress& progress, size_t first) {
  Batch x(model.shape(std::ssize(indices)));
  const JobNoise noise =
      job_noise(flags.rng, static_cast<uint64_t>(flags.seed), indices, x.shape(), hooks);
  noise.fill_initial(x);
  // the part of the way to time 0 that is behind, as a part of the images
  const double share =
      static_cast<double>(indices.size()) / static_cast<double>(chain.times.size());
  double done = static_cast<double>(first);
  run_sampler(model.predictor, chain.times, chain.options, noise.steps, indices, x,
              [&](const SampleStep&) {
                give_up_if_stopped();
                progress.update(done += share);
              });
  for (size_t i = 0; i < indices.size(); ++i) {
    const Image image = to_image(x.image(static_cast<int64_t>(i)), model.config.unet.image_channels,
                                 model.config.unet.height, model.config.unet.width, chain.rounding);
    write_file_whole(image_file(flags.out, indices[i]), encode_job_image(image, job, indices[i]));
  }
  progress.update(static_cast<double>(first + indices.size()));
}

// False if a signal stopped it.
bool make_missing(const SampleFlags& flags, const Model& model, const Chain& chain,
                  const PngText& job, const TorchHooks& hooks, MissingImages missing) {
  Progress progress("sampling", "images", missing.size());
  const int64_t batch = draws_all_images_together(flags.rng) ? missing.size() : flags.batch_size;
  try {
    int64_t done = 0;
    for (auto numbers = missing.next(batch); !numbers.empty(); numbers = missing.next(batch)) {
      make_images(model, chain, flags, numbers, job, hooks, progress, static_cast<size_t>(done));
      done += std::ssize(numbers);
    }
  } catch (const Stopped&) {
    return false;
  }
  return true;
}

fs::path grid_file(const SampleFlags& flags) { return fs::path(flags.out) / "grid.png"; }

// What this job would overwrite has to be its own.
MissingImages images_to_make(const SampleFlags& flags, const PngText& job) {
  check_is_of_job(grid_file(flags), marked(job));
  MissingImages missing = missing_images(flags.out, job, flags.first_index, flags.count);
  const bool together = draws_all_images_together(flags.rng);
  return together && missing.size() > 0 ? MissingImages(0, flags.count, {}) : missing;
}

void write_npz(const SampleFlags& flags, const PngText& job, const JobFiles& files) {
  const auto file = files.writer("--npz");
  const auto image = [&](int64_t i) {
    give_up_if_stopped();
    return read_images(flags.out, job, flags.first_index + i, 1)[0];
  };
  stream_images_npz(flags.count, image,
                    [&file](std::span<const std::byte> piece) { file->append(piece); });
  file->commit();
}

void write_grid_and_npz(const SampleFlags& flags, const PngText& job, const JobFiles& files) {
  const int64_t shown = std::min(flags.count, kImagesInGrid);
  const auto first = read_images(flags.out, job, flags.first_index, shown);
  const Image grid = image_grid(first, grid_options_for(first[0]));
  write_file_whole(grid_file(flags), encode_picture(grid, job));
  if (!flags.npz.empty()) write_npz(flags, job, files);
}

void check_sample_flags(const SampleFlags& flags) {
  require_given("sample", "--checkpoint", flags.model.checkpoint, "a run or a checkpoint folder");
  require_given("sample", "--out", flags.out, "the folder for the images");
  DDPM_CHECK(
      !draws_all_images_together(flags.rng) || flags.first_index == 0,
      "sample: --first-index does not go with --rng diffusers, whose one generator draws for "
      "all images from 0 on; got ",
      flags.first_index);
}

JobFiles checked_files(const SampleFlags& flags) {
  JobFiles files("sample");
  add_checkpoint(files, flags.model.checkpoint);
  files.writes_into("--out", flags.out);
  files.writes("--npz", flags.npz, Content::kNpz);
  files.check();
  return files;
}

// The model that is called for at most `most` images at a time, however many are made together.
Model in_slices(Model model, int64_t most) {
  model.network = in_slices(model.network, most);
  model.predictor =
      NoisePredictor(model.network, model.predictor.schedule(), model.predictor.prediction(),
                     model.predictor.learned_variance());
  return model;
}

int run_sample(const SampleFlags& flags, const TorchHooks& hooks) {
  check_sample_flags(flags);
  const JobFiles files = checked_files(flags);
  const bool together = draws_all_images_together(flags.rng);
  if (flags.rng != SampleFlags().rng && !hooks.torch_normal) throw NeedsTorch();
  Model model = open_model("sample", flags.model, hooks);
  if (together) model = in_slices(std::move(model), flags.batch_size);
  const Chain chain = chain_of("sample", flags.sampler, model.config);
  const PngText job = sample_job(flags, model, chain);
  images_to_make(flags, job);  // before anything is made or locked
  const JobLock lock("sample", flags.out);
  const MissingImages missing = images_to_make(flags, job);  // which nobody else changes from here

  std::cout << files.shown("--out") << '\n'
            << describe(model, flags.model) << '\n'
            << missing.size() << " of " << flags.count << " images to make, each in "
            << chain.times.size() - 1 << " steps" << std::endl;
  const std::string last_lines =
      concat("stopped; what is complete is kept\n",
             next_sample_command(flags, hooks.program, flags.first_index));
  catch_stop_signals(SlowStop::kEnd, last_lines);
  if (!make_missing(flags, model, chain, job, hooks, missing)) {
    std::cout << last_lines << std::endl;
    return exit_code_of_stop();
  }
  write_grid_and_npz(flags, job, files);
  // more images of one generator would be another job
  const int64_t next = flags.first_index + flags.count;
  const bool is_last = together || next > kMaxImageNumber;
  std::cout << (is_last ? NextCommand(hooks.program, "info").word(flags.model.checkpoint).line()
                        : next_sample_command(flags, hooks.program, next))
            << std::endl;
  return 0;
}

}  // namespace

Command sample_command() {
  return {.name = "sample",
          .summary = "make images from a checkpoint",
          .example =
              "ddpm sample --checkpoint runs/clothes --out samples --count 64 --sampler ddim "
              "--steps 50",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            auto values = std::make_shared<SampleFlags>();
            declare_sample_flags(flags, *values);
            return [values](const TorchHooks& hooks) { return run_sample(*values, hooks); };
          }};
}

}  // namespace ddpm
