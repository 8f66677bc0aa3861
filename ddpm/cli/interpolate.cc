// `ddpm interpolate`: the picture of what lies between two images.

#include "ddpm/jobs/interpolate.h"

#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/picture_flags.h"

namespace ddpm {

namespace {

struct InterpolateFlags {
  PictureFlags picture;
  std::string data;
  std::vector<int64_t> images;
  std::string from;
  std::string to;
  std::vector<int64_t> at;
  int64_t points = 9;
  std::string noise = "independent";
  std::string mix = "linear";
  std::string encode = "q";
};

std::shared_ptr<InterpolateFlags> declare(Flags& flags) {
  auto values = std::make_shared<InterpolateFlags>();
  values->picture.sampler.sampler = "ddim";
  declare_picture_out(flags, values->picture,
                      "the picture to write: a row a time, lambda from 0 to 1");
  flags.text("--data", values->data, "SPEC", "where the two images are");
  declare_max_bad_files(flags, values->picture.max_bad_files);
  flags.integers("--images", values->images, "the numbers of the two; none: 0 and 1");
  flags.text("--from", values->from, "FILE", "instead of --data: the first image, a file");
  flags.text("--to", values->to, "FILE", "and the second one");
  flags.integers(
      "--at", values->at,
      "the times to mix at, in [0, T], 0 the pixels; none: 0, T/8, T/4, T/2, 3T/4 and T");
  flags.integer("--points", values->points, "how many lambda from 0 to 1", 2, 100);
  flags.choice("--noise", values->noise, {"independent", "shared"},
               "of the two images, with --encode q");
  flags.choice("--mix", values->mix, {"linear", "spherical"},
               "of their noise; spherical keeps its variance");
  flags.choice("--encode", values->encode, {"q", "ddim"},
               "to time t: by the closed form q(x_t | x_0), or by DDIM upwards");
  declare_picture_rest(flags, values->picture);
  return values;
}

InterpolateRequest request_of(const InterpolateFlags& flags) {
  return {.picture = picture_request("interpolate", flags.picture),
          .data = flags.data,
          .images = flags.images,
          .from = flags.from,
          .to = flags.to,
          .at = flags.at,
          .points = flags.points,
          .shared_noise = flags.noise == "shared",
          .mix = noise_mix_from(flags.mix),
          .encoding = value_named(kEncodings, "--encode", flags.encode)};
}

JobFiles checked_files(const InterpolateFlags& flags, const InterpolateRequest& request) {
  JobFiles files = picture_files("interpolate", flags.picture);
  check(request);
  add_data(files, "--data", flags.data);
  files.reads("--from", flags.from);
  files.reads("--to", flags.to);
  files.check();
  return files;
}

std::string next_command(const InterpolateFlags& flags, const InterpolateResult& result,
                         const std::string& program) {
  NextCommand next(program, "reconstruct");
  add_model_flags(next, flags.picture.model);
  next.flag("--data", flags.data.empty() ? flags.from : flags.data)
      .flag_unless(kMaxBadFiles, "--max-bad-files", flags.picture.max_bad_files)
      .flag("--images", flags.data.empty() ? "0" : join(result.numbers, ","))
      .flag("--out", "reconstruct.png");
  if (flags.picture.sampler.sampler == "ddim") add_sampler_flags(next, flags.picture.sampler);
  return next.line();
}

int run_interpolate(const InterpolateFlags& flags, const TorchHooks& hooks) {
  const InterpolateRequest request = request_of(flags);
  const JobFiles files = checked_files(flags, request);
  const InterpolateResult result =
      draw("interpolate", flags.picture, files,
           [&](const Watch& watch) { return interpolate(request, hooks, watch); });
  std::cout << counted(flags.points, "point") << " at " << counted(std::ssize(result.at), "time")
            << ", " << flags.mix << " mix, "
            << (flags.encode == "q" ? flags.noise + " noise" : std::string("encoded by DDIM"))
            << '\n'
            << next_command(flags, result, hooks.program) << std::endl;
  return 0;
}

}  // namespace

Command interpolate_command() {
  return {.name = "interpolate",
          .summary = "the picture of what lies between two images, mixed at several times",
          .example =
              "ddpm interpolate --checkpoint runs/clothes --data fashion-mnist --images 3,7 "
              "--out between.png",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_interpolate(*values, hooks);
            };
          }};
}

}  // namespace ddpm
