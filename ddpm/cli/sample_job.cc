#include "ddpm/cli/sample_job.h"

#include "ddpm/jobs/image_files.h"
#include "ddpm/jobs/job_noise.h"
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
  flags.choice("--rng", values.rng, rng_names(),
               "whose random numbers: ours, those of a diffusers pipeline with one CPU generator, "
               "or with a list of them, of seed + k for image k");
  flags.text("--npz", values.npz, "FILE", "the images as one uint8 array [N, H, W, C], arr_0, too");
}

PngText sample_job(const SampleFlags& flags, const Model& model, const Chain& chain) {
  PngText job = chain.text;
  add_model_text(job, model, flags.model);
  job["command"] = "sample";
  job["seed"] = std::to_string(flags.seed);
  job["rng"] = flags.rng;
  if (flags.rng != SampleFlags().rng) job["libtorch"] = model.libtorch;  // whose numbers they are
  // how many there are decides what each is, where one generator draws for all of them
  job["images"] = draws_all_images_together(flags.rng) ? std::to_string(flags.count) : "any";
  return job;
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
