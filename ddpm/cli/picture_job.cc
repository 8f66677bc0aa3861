#include "ddpm/cli/picture_job.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/transform.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/plot/image_grid.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/interpolation.h"
#include "ddpm/sampling/inversion.h"
#include "ddpm/terminal/output.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace fs = std::filesystem;

void declare_picture_out(Flags& flags, PictureFlags& values, const std::string& what) {
  declare_model_flags(flags, values.model);
  flags.text("--out", values.out, "FILE.png", what);
}

void declare_picture_rest(Flags& flags, PictureFlags& values, const std::string& steps_help) {
  flags.integer("--seed", values.seed, "of the noise", 0);
  declare_sampler_flags(flags, values.sampler, steps_help);
  flags.integer("--batch-size", values.batch_size, "images made together; changes speed only", 1,
                100'000);
  flags.text("--single", values.single, "DIR", "each image of the picture as a file, too");
}

namespace {

// "00-13.png", as cell_name writes it.
bool is_cell_name(const std::string& name) {
  const std::vector<std::string> parts = split(name.substr(0, name.find('.')), '-');
  return name.ends_with(".png") && parts.size() == 2 &&
         std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
           return part.size() >= 2 && part.find_first_not_of("0123456789") == std::string::npos;
         });
}

bool is_cell(const fs::path& path) {
  constexpr int64_t kMaxBytes = int64_t{1} << 30;
  try {
    const PngText text = read_png_text(as_bytes(read_file(path, kMaxBytes)), path.string());
    return text.count("command") > 0 && text.count("row") > 0 && text.count("column") > 0;
  } catch (const Error&) {
    return false;
  }
}

// Nobody chose the names in --single, so nothing but cells of an earlier picture is replaced there.
void check_single(const std::string& command, const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path path = entry->path();
    DDPM_CHECK(!is_cell_name(path.filename().string()) || is_cell(path), command,
               ": --single: ", path.string(),
               ": expected an image of an earlier picture, got another file; ",
               "choose another folder");
  }
}

}  // namespace

JobFiles picture_files(const std::string& command, const PictureFlags& flags) {
  require_given(command, "--checkpoint", flags.model.checkpoint, "a run or a checkpoint folder");
  require_given(command, "--out", flags.out, "the PNG file to write");
  JobFiles files(command);
  add_checkpoint(files, flags.model.checkpoint);
  files.writes("--out", flags.out, Content::kPng);
  files.writes_into("--single", flags.single);
  if (!flags.single.empty()) check_single(command, flags.single);
  return files;
}

std::optional<JobLock> lock_single(const std::string& command, const PictureFlags& flags) {
  if (flags.single.empty()) return std::nullopt;
  return std::optional<JobLock>(std::in_place, command, flags.single, "--single");
}

PngText picture_text(const std::string& command, const PictureFlags& flags, const Model& model,
                     const Chain& chain) {
  PngText text = chain.text;
  text["command"] = command;
  text["seed"] = std::to_string(flags.seed);
  add_model_text(text, model, flags.model);
  return text;
}

Batch read_model_images(const std::string& command, const PictureFlags& flags,
                        const std::string& spec, const std::vector<int64_t>& numbers,
                        const Model& model, int64_t at_least) {
  const Dataset dataset = open_dataset_watched(
      for_few_images(data_options(command, spec, "crop", flags.max_bad_files, model.config.unet)));
  DDPM_CHECK(dataset.size() >= at_least, command, ": --data: ", spec, ": expected at least ",
             at_least, " images, got ", dataset.size());
  Batch x(model.shape(std::ssize(numbers)));
  for (int64_t i = 0; i < x.images(); ++i) {
    const int64_t number = numbers[static_cast<size_t>(i)];
    DDPM_CHECK(number >= 0 && number < dataset.size(), command,
               ": --images: wanted numbers in [0, ", dataset.size(), ") of ", spec, ", got ",
               number);
    dataset.read(number, /*flip=*/false, x.image(i));
  }
  std::cout << dataset.report().lines() << std::flush;
  return x;
}

Image image_of(ConstBatchView x, int64_t i) {
  return to_image(x.image(i), x.shape().channels, x.shape().height, x.shape().width);
}

std::vector<int64_t> numbers_from(int64_t first, int64_t count) {
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < count; ++i) numbers.push_back(first + i);
  return numbers;
}

std::vector<int64_t> times_from(const std::vector<int64_t>& times, int64_t t) {
  std::vector<int64_t> below = {t};
  std::copy_if(times.begin(), times.end(), std::back_inserter(below),
               [t](int64_t time) { return time < t; });
  return below;
}

void check_noise_times(const std::string& command, const std::string& flag,
                       const std::vector<int64_t>& times, int64_t least, int64_t T) {
  for (const int64_t t : times) {
    DDPM_CHECK(t >= least && t <= T, command, ": ", flag, ": wanted times in [", least, ", ", T,
               "], got ", t);
  }
}

Walker::Walker(const Model& model, const Chain& chain, int64_t batch_size, int64_t images)
    : model_(model),
      chain_(chain),
      batch_size_(batch_size),
      progress_("denoising", "images", images) {}

void Walker::in_batches(int64_t images, int64_t steps, const BatchWalk& walk) {
  for (int64_t first = 0; first < images; first += batch_size_) {
    const int64_t count = std::min(batch_size_, images - first);
    const double before = done_;
    const double share = static_cast<double>(count) / static_cast<double>(steps + 1);
    walk(first, count, [&] {
      give_up_if_stopped();
      progress_.update(done_ += share);
    });
    progress_.update(done_ = before + static_cast<double>(count));
  }
}

void Walker::down(std::span<const int64_t> times, const NoiseSource& noise,
                  std::span<const int64_t> indices, BatchView x, const BatchObserver& observer) {
  in_batches(x.images(), std::ssize(times) - 1,
             [&](int64_t first, int64_t count, const Tick& tick) {
               run_sampler(model_.predictor, times, chain_.options, noise,
                           indices.subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
                           x.slice(first, count), [&](const SampleStep& step) {
                             if (observer) observer(first, step);
                             tick();
                           });
             });
}

namespace {

// x0 taken up through the times, which fall.
Batch inverted(Walker& walker, std::span<const int64_t> times, std::span<const int64_t> indices,
               ConstBatchView x0) {
  const std::vector<int64_t> rising(times.rbegin(), times.rend());
  Batch x(x0.shape());
  std::copy(x0.values().begin(), x0.values().end(), x.values().begin());
  walker.in_batches(x.images(), std::ssize(times) - 1,
                    [&](int64_t first, int64_t count, const Walker::Tick& tick) {
                      run_inversion(
                          walker.model().predictor, rising, walker.chain().options,
                          indices.subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
                          x.view().slice(first, count), [&](const SampleStep&) { tick(); });
                    });
  return x;
}

std::string cell_name(size_t row, size_t column) {
  char name[64];
  std::snprintf(name, sizeof(name), "%02zu-%02zu.png", row, column);
  return name;
}

}  // namespace

Batch encoded_noise(Walker& walker, const std::string& encode, uint64_t seed,
                    std::span<const int64_t> times, std::span<const int64_t> indices,
                    ConstBatchView x0) {
  Batch eps(x0.shape());
  if (encode == "ddim") {
    const Batch x_t = inverted(walker, times, indices, x0);
    noise_in(walker.model().predictor.schedule().level(times.front()), x_t.values(), x0.values(),
             eps.values());
    return eps;
  }
  for (int64_t i = 0; i < eps.images(); ++i) {
    fill_normal({.seed = seed,
                 .purpose = Purpose::kForwardNoise,
                 .index = static_cast<uint64_t>(indices[static_cast<size_t>(i)]),
                 .step = static_cast<uint64_t>(times.front())},
                eps.image(i));
  }
  return eps;
}

void write_picture(const JobFiles& files, const PictureFlags& flags, const Picture& picture,
                   const PngText& text) {
  GridOptions options = grid_options_for(picture.cells[0]);
  options.columns = static_cast<int64_t>(picture.columns.size());
  options.column_labels = picture.columns;
  options.row_labels = picture.rows;
  if (!flags.single.empty()) {
    real_files().make_folder(flags.single);
    int64_t replaced = 0;
    for (size_t i = 0; i < picture.cells.size(); ++i) {
      const size_t row = i / picture.columns.size();
      const size_t column = i % picture.columns.size();
      PngText cell = text;
      cell["row"] = picture.rows[row];
      cell["column"] = picture.columns[column];
      const fs::path path = fs::path(flags.single) / cell_name(row, column);
      replaced += fs::exists(path) ? 1 : 0;
      write_file_whole(path, encode_png(picture.cells[i], cell));
    }
    if (replaced > 0) {
      std::cout << "replaced " << counted(replaced, "image") << " of an earlier picture in "
                << absolute_text(flags.single) << '\n';
    }
  }
  files.write("--out", encode_picture(image_grid(picture.cells, options), text));
}

}  // namespace ddpm
