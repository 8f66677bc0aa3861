// `ddpm interpolate`: what lies between two images, mixed at several times of the process; [DDPM]
// figure 8.

#include <algorithm>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/picture_job.h"
#include "ddpm/sampling/interpolation.h"
#include "ddpm/terminal/signals.h"

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

JobFiles checked_files(const InterpolateFlags& flags) {
  JobFiles files = picture_files("interpolate", flags.picture);
  const bool named = !flags.from.empty() || !flags.to.empty();
  DDPM_CHECK(named != !flags.data.empty(),
             "interpolate: wanted either --data or --from and --to, got ",
             named ? "both" : "neither");
  if (named) {
    DDPM_CHECK(!flags.from.empty() && !flags.to.empty(),
               "interpolate: --from and --to belong together, got one of them");
    DDPM_CHECK(flags.images.empty(), "interpolate: --images belongs to --data");
  }
  const std::vector<int64_t>& images = flags.images;
  DDPM_CHECK(images.empty() || (images.size() == 2 && images[0] != images[1]),
             "interpolate: --images: wanted two different numbers, got ", join(images, ","));
  DDPM_CHECK(flags.encode == "q" || flags.noise == "independent",
             "interpolate: --noise shared belongs to --encode q");
  add_data(files, "--data", flags.data);
  files.reads("--from", flags.from);
  files.reads("--to", flags.to);
  files.check();
  return files;
}

// The two images, and their numbers, which their noise is drawn by.
struct Ends {
  Batch x0;
  std::vector<int64_t> numbers;
};

Ends read_ends(const InterpolateFlags& flags, const Model& model) {
  Ends ends{Batch(model.shape(2)), {0, 1}};
  if (!flags.data.empty()) {
    if (!flags.images.empty()) ends.numbers = flags.images;
    const bool two_of_any = flags.images.empty();
    ends.x0 = read_model_images("interpolate", flags.picture, flags.data, ends.numbers, model,
                                two_of_any ? 2 : 0);
    return ends;
  }
  const std::string* files[2] = {&flags.from, &flags.to};
  for (int64_t i = 0; i < 2; ++i) {
    const Batch one = read_model_images("interpolate", flags.picture, *files[i], {0}, model);
    std::copy(one.values().begin(), one.values().end(), ends.x0.image(i).begin());
  }
  return ends;
}

double lambda_of(const InterpolateFlags& flags, int64_t point) {
  return static_cast<double>(point) / static_cast<double>(flags.points - 1);
}

// The images between the two, mixed at t and taken down to 0.
Batch row_at(const InterpolateFlags& flags, const Ends& ends, int64_t t, Walker& walker) {
  const auto seed = static_cast<uint64_t>(flags.picture.seed);
  const std::vector<int64_t> times = times_from(walker.chain().times, t);
  Batch eps(ends.x0.shape());  // of time 0: none
  if (t > 0) {
    const bool shared = flags.noise == "shared";
    const std::vector<int64_t> indices = {ends.numbers[0], ends.numbers[shared ? 0 : 1]};
    eps = encoded_noise(walker, flags.encode, seed, times, indices, ends.x0);
  }
  Batch x(walker.model().shape(flags.points));
  for (int64_t p = 0; p < flags.points; ++p) {
    interpolate(walker.model().predictor.schedule().level(t), noise_mix_from(flags.mix),
                lambda_of(flags, p), {ends.x0.view().image(0), eps.view().image(0)},
                {ends.x0.view().image(1), eps.view().image(1)}, x.image(p));
  }
  if (t == 0) return x;
  // one noise for the whole row, that of the first image, so that lambda alone makes the difference
  const std::vector<int64_t> indices(static_cast<size_t>(flags.points), ends.numbers[0]);
  walker.down(times, step_noise(seed), indices, x);
  return x;
}

std::vector<int64_t> default_times(int64_t T) {
  return {0,
          std::max<int64_t>(1, T / 8),
          std::max<int64_t>(1, T / 4),
          std::max<int64_t>(1, T / 2),
          std::max<int64_t>(1, 3 * T / 4),
          T};
}

Picture picture_of(const InterpolateFlags& flags, const Ends& ends, const std::vector<int64_t>& at,
                   Walker& walker) {
  Picture picture;
  picture.columns.emplace_back("source");
  for (int64_t p = 0; p < flags.points; ++p) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3g", lambda_of(flags, p));
    picture.columns.push_back(concat("λ = ", text));
  }
  picture.columns.emplace_back("source");
  for (const int64_t t : at) {
    const Batch row = row_at(flags, ends, t, walker);
    picture.rows.push_back(concat("t = ", t));
    picture.cells.push_back(image_of(ends.x0, 0));
    for (int64_t p = 0; p < flags.points; ++p) picture.cells.push_back(image_of(row, p));
    picture.cells.push_back(image_of(ends.x0, 1));
  }
  return picture;
}

std::string next_command(const InterpolateFlags& flags, const Ends& ends,
                         const std::string& program) {
  NextCommand next(program, "reconstruct");
  add_model_flags(next, flags.picture.model);
  next.flag("--data", flags.data.empty() ? flags.from : flags.data)
      .flag_unless(kMaxBadFiles, "--max-bad-files", flags.picture.max_bad_files)
      .flag("--images", flags.data.empty() ? "0" : join(ends.numbers, ","))
      .flag("--out", "reconstruct.png");
  if (flags.picture.sampler.sampler == "ddim") add_sampler_flags(next, flags.picture.sampler);
  return next.line();
}

PngText text_of(const InterpolateFlags& flags, const Ends& ends, const Model& model,
                const Chain& chain, const std::vector<int64_t>& at) {
  PngText text = picture_text("interpolate", flags.picture, model, chain);
  text["images"] =
      flags.data.empty() ? flags.from + " " + flags.to : flags.data + " " + join(ends.numbers, ",");
  text["at"] = join(at, ",");
  text["mix"] = flags.mix;
  text["encode"] = flags.encode;
  text["noise"] = flags.noise;
  return text;
}

int run_interpolate(const InterpolateFlags& flags, const TorchHooks& hooks) {
  const JobFiles files = checked_files(flags);
  const Model model = open_model("interpolate", flags.picture.model, hooks);
  const int64_t T = model.config.schedule.T;
  const Chain chain = chain_of("interpolate", flags.picture.sampler, model.config);
  const std::vector<int64_t> at = flags.at.empty() ? default_times(T) : flags.at;
  check_noise_times("interpolate", "--at", at, 0, T);
  std::cout << files.shown("--out") << '\n' << describe(model, flags.picture.model) << std::endl;
  catch_stop_signals();
  const auto single = lock_single("interpolate", flags.picture);
  const Ends ends = read_ends(flags, model);
  const int64_t encoded = flags.encode == "ddim" ? 2 : 0;
  const auto rows = std::count_if(at.begin(), at.end(), [](int64_t t) { return t > 0; });
  Walker walker(model, chain, flags.picture.batch_size, rows * (flags.points + encoded));
  const Picture picture = picture_of(flags, ends, at, walker);
  walker.finish();
  write_picture(files, flags.picture, picture, text_of(flags, ends, model, chain, at));
  std::cout << counted(flags.points, "point") << " at " << counted(std::ssize(at), "time") << ", "
            << flags.mix << " mix, "
            << (flags.encode == "q" ? flags.noise + " noise" : std::string("encoded by DDIM"))
            << '\n'
            << next_command(flags, ends, hooks.program) << std::endl;
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
