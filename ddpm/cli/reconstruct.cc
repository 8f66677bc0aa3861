// `ddpm reconstruct`: how much of an image comes back when it is noised to a time and denoised from
// there.

#include <algorithm>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/picture_job.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/plot/image_difference.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

struct ReconstructFlags {
  PictureFlags picture;
  std::string data;
  std::vector<int64_t> images;
  std::vector<int64_t> at;
  std::string encode = "q";
  std::string csv;
};

std::shared_ptr<ReconstructFlags> declare(Flags& flags) {
  auto values = std::make_shared<ReconstructFlags>();
  values->picture.sampler.sampler = "ddim";
  declare_picture_out(flags, values->picture,
                      "the picture to write: a row an image, its x_t and what comes back");
  flags.text("--data", values->data, "SPEC", kDataForms);
  declare_max_bad_files(flags, values->picture.max_bad_files);
  flags.integers("--images", values->images, "the numbers of the images; none: the first one");
  flags.integers("--at", values->at,
                 "the times to go back from, in [1, T]; none: T/8, T/4, T/2 and 3T/4");
  flags.choice("--encode", values->encode, {"q", "ddim"},
               "to time t: by the closed form q(x_t | x_0), or by DDIM upwards");
  flags.text("--csv", values->csv, "FILE.csv", "the differences of each image, too");
  declare_picture_rest(flags, values->picture);
  return values;
}

std::vector<int64_t> default_times(int64_t T) {
  std::vector<int64_t> times;
  for (const int64_t t : {T / 8, T / 4, T / 2, 3 * T / 4}) times.push_back(std::max<int64_t>(1, t));
  return times;
}

// The images at t and what comes back of them.
struct Journey {
  int64_t t;
  Batch x_t;
  Batch back;
};

Journey journey_to(const ReconstructFlags& flags, const std::vector<int64_t>& numbers, int64_t t,
                   ConstBatchView x0, Walker& walker) {
  const auto seed = static_cast<uint64_t>(flags.picture.seed);
  const std::vector<int64_t> times = times_from(walker.chain().times, t);
  const Batch eps = encoded_noise(walker, flags.encode, seed, times, numbers, x0);
  Journey journey{t, Batch(x0.shape()), {}};
  const std::vector<int64_t> all_t(numbers.size(), t);
  q_sample(walker.model().predictor.schedule(), x0, all_t, eps, journey.x_t);
  journey.back = journey.x_t;
  walker.down(times, step_noise(seed), numbers, journey.back);
  return journey;
}

Picture picture_of(const std::vector<int64_t>& numbers, ConstBatchView x0,
                   const std::vector<Journey>& journeys) {
  Picture picture;
  picture.columns.emplace_back("original");
  for (const Journey& journey : journeys) {
    picture.columns.push_back(concat("t = ", journey.t));
    picture.columns.emplace_back("back");
  }
  for (int64_t i = 0; i < x0.images(); ++i) {
    picture.rows.push_back(concat("image ", numbers[static_cast<size_t>(i)]));
    picture.cells.push_back(image_of(x0, i));
    for (const Journey& journey : journeys) {
      picture.cells.push_back(image_of(journey.x_t, i));
      picture.cells.push_back(image_of(journey.back, i));
    }
  }
  return picture;
}

std::vector<Image> images_of(ConstBatchView x) {
  std::vector<Image> images;
  for (int64_t i = 0; i < x.images(); ++i) images.push_back(image_of(x, i));
  return images;
}

std::string csv_of(int64_t t, const std::string& image, double rms) {
  return csv_line(
      std::vector<std::string>{std::to_string(t), image, shortest(rms), shortest(psnr_of(rms))});
}

// A line per time over all images; the CSV has each image, too.
std::string table_of(const std::vector<int64_t>& numbers, ConstBatchView x0,
                     const std::vector<Journey>& journeys, std::string& csv) {
  const std::vector<Image> originals = images_of(x0);
  std::string table;
  csv = "t,image,rmse,psnr\n";
  for (const Journey& journey : journeys) {
    const std::vector<Image> back = images_of(journey.back);
    for (size_t i = 0; i < back.size(); ++i) {
      const double rms = rms_difference({&originals[i], 1}, {&back[i], 1});
      csv += csv_of(journey.t, std::to_string(numbers[i]), rms);
    }
    const double rms = rms_difference(originals, back);
    csv += csv_of(journey.t, "all", rms);
    table += concat("from t = ", journey.t, ": RMSE ", with_decimals(rms, 2), " of 255, PSNR ",
                    with_decimals(psnr_of(rms), 2), " dB\n");
  }
  return table;
}

std::string next_command(const ReconstructFlags& flags, const std::vector<int64_t>& numbers,
                         const std::string& program) {
  const bool pair = numbers.size() >= 2 && numbers[0] != numbers[1];
  NextCommand next(program, pair ? "interpolate" : "inpaint");
  add_model_flags(next, flags.picture.model);
  next.flag("--data", flags.data)
      .flag_unless(kMaxBadFiles, "--max-bad-files", flags.picture.max_bad_files);
  if (pair) {
    next.flag("--images", join(std::vector<int64_t>{numbers[0], numbers[1]}, ","))
        .flag("--out", "interpolate.png");
    if (flags.picture.sampler.sampler == "ddim") add_sampler_flags(next, flags.picture.sampler);
  } else {
    next.flag("--images", numbers[0]).flag("--fill", "right").flag("--out", "inpaint.png");
  }
  return next.line();
}

JobFiles checked_files(const ReconstructFlags& flags) {
  JobFiles files = picture_files("reconstruct", flags.picture);
  require_given("reconstruct", "--data", flags.data, kDataForms);
  add_data(files, "--data", flags.data);
  files.writes("--csv", flags.csv, Content::kCsv);
  files.check();
  return files;
}

int run_reconstruct(const ReconstructFlags& flags, const TorchHooks& hooks) {
  const JobFiles files = checked_files(flags);
  const Model model = open_model("reconstruct", flags.picture.model, hooks);
  const int64_t T = model.config.schedule.T;
  const Chain chain = chain_of("reconstruct", flags.picture.sampler, model.config);
  const std::vector<int64_t> at = flags.at.empty() ? default_times(T) : flags.at;
  check_noise_times("reconstruct", "--at", at, 1, T);
  std::cout << files.shown("--out") << '\n';
  if (!flags.csv.empty()) std::cout << files.shown("--csv") << '\n';
  std::cout << describe(model, flags.picture.model) << std::endl;
  catch_stop_signals();
  const auto single = lock_single("reconstruct", flags.picture);
  const std::vector<int64_t> numbers =
      flags.images.empty() ? std::vector<int64_t>{0} : flags.images;
  const Batch x0 = read_model_images("reconstruct", flags.picture, flags.data, numbers, model);
  const int64_t ways = flags.encode == "ddim" ? 2 : 1;
  Walker walker(model, chain, flags.picture.batch_size,
                ways * std::ssize(at) * std::ssize(numbers));
  std::vector<Journey> journeys;
  for (const int64_t t : at) journeys.push_back(journey_to(flags, numbers, t, x0, walker));
  walker.finish();
  PngText text = picture_text("reconstruct", flags.picture, model, chain);
  text["images"] = flags.data + " " + join(numbers, ",");
  text["at"] = join(at, ",");
  text["encode"] = flags.encode;
  std::string csv;
  const std::string table = table_of(numbers, x0, journeys, csv);
  write_picture(files, flags.picture, picture_of(numbers, x0, journeys), text);
  if (!flags.csv.empty()) files.write("--csv", csv);
  std::cout << table << next_command(flags, numbers, hooks.program) << std::endl;
  return 0;
}

}  // namespace

Command reconstruct_command() {
  return {.name = "reconstruct",
          .summary = "how much of an image comes back from time t: a picture, RMSE and PSNR",
          .example =
              "ddpm reconstruct --checkpoint runs/clothes --data fashion-mnist --images "
              "0,1,2,3 --out reconstruct.png",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_reconstruct(*values, hooks);
            };
          }};
}

}  // namespace ddpm
