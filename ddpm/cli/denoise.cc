// `ddpm denoise`: the picture of the reverse process, x_t in one row and the x_0 predicted from it
// below.

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/picture_job.h"
#include "ddpm/cli/sampling_job.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/transform.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/plot/image_grid.h"
#include "ddpm/random/stream.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"
#include "ddpm/terminal/progress.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

struct DenoiseFlags {
  ModelFlags model;
  SamplerFlags sampler;
  std::string out;
  std::string data;
  double max_bad_files = kMaxBadFiles;
  int64_t from = 0;
  int64_t images = 4;  // unless they are given, as many of them as there are
  bool images_given = false;
  int64_t columns = 11;
  int64_t seed = 0;
};

std::shared_ptr<DenoiseFlags> declare(Flags& flags) {
  auto values = std::make_shared<DenoiseFlags>();
  values->sampler.sampler = "ddim";
  declare_model_flags(flags, values->model);
  flags.text("--out", values->out, "FILE.png", "the picture to write: two rows an image");
  flags.text("--data", values->data, "SPEC",
             "start from images of this data at time --from; without it from noise at T");
  declare_max_bad_files(flags, values->max_bad_files);
  flags.integer("--from", values->from, "with --data: the time to start at; 0: T / 2", 0);
  flags.integer("--images", values->images, values->images_given, "how many images", 1, 100);
  flags.integer("--columns", values->columns, "how many times of the chain are shown", 2, 100);
  flags.integer("--seed", values->seed, "of the noise", 0);
  declare_sampler_flags(flags, values->sampler);
  return values;
}

// One state of the chain as it is shown.
struct Frame {
  int64_t t;
  Batch x;
  Batch x0;  // predicted from x
};

Batch copy_of(ConstBatchView view) {
  Batch copy(view.shape());
  std::copy(view.values().begin(), view.values().end(), copy.values().begin());
  return copy;
}

// x_t of the first images of the data, and the times from t down.
void start_from_data(const DenoiseFlags& flags, const Dataset& dataset, const Model& model,
                     Chain& chain, Batch& x) {
  const int64_t from = flags.from > 0 ? flags.from : model.config.schedule.T / 2;
  chain.times = times_from(chain.times, from);
  Batch eps(x.shape());
  const std::vector<int64_t> t(static_cast<size_t>(flags.images), from);
  for (int64_t i = 0; i < flags.images; ++i) {
    dataset.read(i, /*flip=*/false, x.image(i));
    fill_normal({static_cast<uint64_t>(flags.seed), Purpose::kForwardNoise,
                 static_cast<uint64_t>(i), static_cast<uint64_t>(from)},
                eps.image(i));
  }
  q_sample(model.predictor.schedule(), x, t, eps, x);
}

// Takes x to time 0 and keeps every state on the way.
std::vector<Frame> walk(const Model& model, const Chain& chain, uint64_t seed,
                        std::span<const int64_t> indices, Batch& x) {
  std::vector<Frame> frames;
  Batch before = x;
  Progress progress("denoising", "steps", std::ssize(chain.times) - 1);
  run_sampler(model.predictor, chain.times, chain.options, seed, indices, x,
              [&](const SampleStep& step) {
                give_up_if_stopped();
                frames.push_back({step.t, before, copy_of(step.x0)});
                before = copy_of(step.x);
                progress.update(static_cast<double>(frames.size()));
              });
  progress.erase();
  frames.push_back({0, x, x});
  return frames;
}

// The frames that fill `columns` columns evenly, the first and the last among them.
std::vector<const Frame*> chosen_frames(const std::vector<Frame>& frames, int64_t columns) {
  std::vector<const Frame*> chosen;
  const auto last = static_cast<int64_t>(frames.size()) - 1;
  for (int64_t c = 0; c < columns; ++c) {
    const Frame* frame = &frames[static_cast<size_t>(last * c / (columns - 1))];
    if (chosen.empty() || chosen.back() != frame) chosen.push_back(frame);
  }
  return chosen;
}

Image picture(const DenoiseFlags& flags, const Model& model, const std::vector<Frame>& frames) {
  const UNetConfig& unet = model.config.unet;
  const auto chosen = chosen_frames(frames, flags.columns);
  std::vector<Image> cells;
  std::vector<std::string> rows;
  for (int64_t i = 0; i < flags.images; ++i) {
    for (const bool predicted : {false, true}) {
      rows.push_back(predicted ? "x_0 predicted" : "x_t");
      for (const Frame* frame : chosen) {
        const Batch& shown = predicted ? frame->x0 : frame->x;
        cells.push_back(to_image(shown.image(i), unet.image_channels, unet.height, unet.width));
      }
    }
  }
  GridOptions options = grid_options_for(cells[0]);
  options.columns = static_cast<int64_t>(chosen.size());
  options.row_labels = rows;
  for (const Frame* frame : chosen) options.column_labels.push_back(concat("t = ", frame->t));
  return image_grid(cells, options);
}

// The images to begin with, and how many of them are taken.
Dataset open_data(DenoiseFlags& flags, const Model& model) {
  Dataset dataset = open_dataset_watched(for_few_images(
      data_options("denoise", flags.data, "crop", flags.max_bad_files, model.config.unet)));
  if (!flags.images_given) flags.images = std::min(flags.images, dataset.size());
  DDPM_CHECK(flags.images <= dataset.size(), "denoise: --images: expected at most ", dataset.size(),
             ", as many as the data have, got ", flags.images);
  std::cout << dataset.report().lines() << std::flush;
  return dataset;
}

int run_denoise(DenoiseFlags flags, const TorchHooks& hooks) {
  require_given("denoise", "--checkpoint", flags.model.checkpoint, "a run or a checkpoint folder");
  require_given("denoise", "--out", flags.out, "the PNG file to write");
  JobFiles files("denoise");
  add_checkpoint(files, flags.model.checkpoint);
  add_data(files, "--data", flags.data);
  files.writes("--out", flags.out, Content::kPng);
  files.check();
  DDPM_CHECK(flags.from == 0 || !flags.data.empty(), "denoise: --from belongs to --data");
  const Model model = open_model("denoise", flags.model, hooks);
  DDPM_CHECK(flags.from <= model.config.schedule.T, "denoise: --from must be at most T, ",
             model.config.schedule.T, ", got ", flags.from);
  Chain chain = chain_of("denoise", flags.sampler, model.config);
  std::cout << files.shown("--out") << '\n' << describe(model, flags.model) << std::endl;
  catch_stop_signals();
  std::optional<Dataset> dataset;
  if (!flags.data.empty()) dataset = open_data(flags, model);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < flags.images; ++i) indices.push_back(i);
  const auto seed = static_cast<uint64_t>(flags.seed);
  Batch x(model.shape(flags.images));
  if (dataset) {
    start_from_data(flags, *dataset, model, chain, x);
  } else {
    fill_initial_noise(seed, indices, x);
  }

  const std::vector<Frame> frames = walk(model, chain, seed, indices, x);
  files.write("--out", encode_picture(picture(flags, model, frames)));
  NextCommand next(hooks.program, "sample");
  add_model_flags(next, flags.model);
  next.flag("--out", "samples");
  if (flags.sampler.sampler == "ddim") add_sampler_flags(next, flags.sampler);
  std::cout << counted(flags.images, "image") << " from t = " << chain.times.front() << " to 0\n"
            << next.line() << std::endl;
  return 0;
}

}  // namespace

Command denoise_command() {
  return {.name = "denoise",
          .summary = "the picture of noise turning into images, with the predicted x_0",
          .example = "ddpm denoise --checkpoint runs/clothes --out denoise.png --images 4",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_denoise(*values, hooks);
            };
          }};
}

}  // namespace ddpm
