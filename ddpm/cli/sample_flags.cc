#include "ddpm/cli/sample_flags.h"

#include "ddpm/jobs/image_files.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

void declare_sample_flags(Flags& flags, SampleFlags& values) {
  declare_model_flags(flags, values.model);
  flags.text("--out", values.out, "DIR", "the folder for 000000.png, 000001.png, .. and grid.png");
  flags.integer("--count", values.count, "how many images", 1, 100'000'000);
  flags.integer("--seed", values.seed, "image k of a seed is the same whatever else is asked for",
                0);
  flags.integer("--first-index", values.first_index, "the number of the first image", 0,
                kMaxImageNumber);
  declare_sampler_flags(flags, values.sampler);
  flags.integer("--batch-size", values.batch_size, "images made together; changes speed only", 1,
                100'000);
  flags.choice("--rng", values.rng, names_of(kRngs),
               "whose random numbers: ours, those of a diffusers pipeline with one CPU generator, "
               "or with a list of them, of seed + k for image k");
  flags.text("--npz", values.npz, "FILE", "the images as one uint8 array [N, H, W, C], arr_0, too");
}

SampleRequest sample_request(const SampleFlags& flags) {
  return {.model = model_request(flags.model),
          .sampler = sampler_request("sample", flags.sampler),
          .out = flags.out,
          .count = flags.count,
          .seed = flags.seed,
          .first_index = flags.first_index,
          .batch_size = flags.batch_size,
          .rng = value_named(kRngs, "--rng", flags.rng)};
}

std::string next_sample_command(const SampleFlags& flags, const std::string& program,
                                int64_t first_index) {
  const SampleFlags defaults;
  NextCommand next(program, "sample");
  add_model_flags(next, flags.model);
  next.flag("--out", flags.out)
      .flag("--seed", flags.seed)
      .flag_unless(defaults.first_index, "--first-index", first_index)
      .flag("--count", flags.count);
  add_sampler_flags(next, flags.sampler);
  next.flag_unless(defaults.batch_size, "--batch-size", flags.batch_size)
      .flag_unless(defaults.rng, "--rng", flags.rng);
  return next.line();
}

}  // namespace ddpm
