#include "ddpm/jobs/picture.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/plot/image_grid.h"
#include "ddpm/random/stream.h"
#include "ddpm/sampling/interpolation.h"
#include "ddpm/sampling/inversion.h"

namespace ddpm {

namespace fs = std::filesystem;

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

}  // namespace

void check_cells(const std::string& command, const fs::path& folder) {
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

PngText picture_text(const std::string& command, const PictureRequest& request, const Model& model,
                     const Chain& chain) {
  PngText text = chain.text;
  text["command"] = command;
  text["seed"] = std::to_string(request.seed);
  add_model_text(text, model, request.model);
  return text;
}

Batch read_model_images(const std::string& command, const PictureRequest& request,
                        const std::string& spec, const std::vector<int64_t>& numbers,
                        const Model& model, const Watch& watch, int64_t at_least) {
  const Dataset dataset = open_dataset(
      for_few_images(data_of_network(spec, Fit::kCrop, request.max_bad_files, model.config.unet)),
      watch);
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
  note(watch, dataset.report().lines());
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

std::vector<int64_t> times_of_eighths(int64_t T, std::span<const int64_t> eighths) {
  std::vector<int64_t> times;
  for (const int64_t n : eighths) {
    times.push_back(n == 0 ? 0 : std::max<int64_t>(1, T * n / 8));
  }
  return times;
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

Walker::Walker(const Model& model, const Chain& chain, const Watch& watch, int64_t batch_size,
               int64_t images)
    : model_(model), chain_(chain), watch_(watch), batch_size_(batch_size), images_(images) {}

void Walker::report(double done) {
  done_ = done;
  advance(watch_,
          {.phase = JobPhase::kDenoising, .unit = "images", .done = done, .total = images_});
}

void Walker::in_batches(int64_t images, int64_t steps, const BatchWalk& walk) {
  for (int64_t first = 0; first < images; first += batch_size_) {
    const int64_t count = std::min(batch_size_, images - first);
    const double before = done_;
    const double share = static_cast<double>(count) / static_cast<double>(steps + 1);
    walk(first, count, [&] {
      give_up_if_stopped(watch_);
      report(done_ + share);
    });
    report(before + static_cast<double>(count));
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

Batch encoded_noise(Walker& walker, Encoding encoding, uint64_t seed,
                    std::span<const int64_t> times, std::span<const int64_t> indices,
                    ConstBatchView x0) {
  Batch eps(x0.shape());
  if (encoding == Encoding::kDdim) {
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

Image layout_of(const Picture& picture) {
  GridOptions options = grid_options_for(picture.cells[0]);
  options.columns = static_cast<int64_t>(picture.columns.size());
  options.column_labels = picture.columns;
  options.row_labels = picture.rows;
  return image_grid(picture.cells, options);
}

int64_t write_cells(const fs::path& folder, const Picture& picture) {
  real_files().make_folder(folder);
  int64_t replaced = 0;
  for (size_t i = 0; i < picture.cells.size(); ++i) {
    const size_t row = i / picture.columns.size();
    const size_t column = i % picture.columns.size();
    PngText cell = picture.text;
    cell["row"] = picture.rows[row];
    cell["column"] = picture.columns[column];
    const fs::path path = folder / cell_name(row, column);
    replaced += fs::exists(path) ? 1 : 0;
    write_file_whole(path, encode_png(picture.cells[i], cell));
  }
  return replaced;
}

}  // namespace ddpm
