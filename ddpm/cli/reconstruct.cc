// `ddpm reconstruct`: how much of an image comes back from time t.

#include "ddpm/jobs/reconstruct.h"

#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/picture_flags.h"
#include "ddpm/plot/image_difference.h"

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

std::string csv_of(int64_t t, const std::string& image, double rms) {
  return csv_line(
      std::vector<std::string>{std::to_string(t), image, shortest(rms), shortest(psnr_of(rms))});
}

// A line per time over all images; the CSV has each image, too.
std::string table_of(const std::vector<ReconstructionError>& errors, std::string& csv) {
  std::string table;
  csv = "t,image,rmse,psnr\n";
  for (const ReconstructionError& error : errors) {
    for (const ImageError& image : error.images) {
      csv += csv_of(error.t, std::to_string(image.number), image.rmse);
    }
    csv += csv_of(error.t, "all", error.rmse);
    table += concat("from t = ", error.t, ": RMSE ", with_decimals(error.rmse, 2), " of 255, PSNR ",
                    with_decimals(psnr_of(error.rmse), 2), " dB\n");
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
  const ReconstructRequest request{.picture = picture_request("reconstruct", flags.picture),
                                   .data = flags.data,
                                   .images = flags.images,
                                   .at = flags.at,
                                   .encoding = value_named(kEncodings, "--encode", flags.encode)};
  const ReconstructResult result = draw(
      "reconstruct", flags.picture, files,
      [&](const Watch& watch) { return reconstruct(request, hooks, watch); },
      flags.csv.empty() ? "" : "--csv");
  std::string csv;
  const std::string table = table_of(result.errors, csv);
  if (!flags.csv.empty()) files.write("--csv", csv);
  std::cout << table << next_command(flags, result.numbers, hooks.program) << std::endl;
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
