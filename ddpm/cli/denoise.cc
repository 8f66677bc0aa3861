// `ddpm denoise`: the picture of the reverse process.

#include "ddpm/jobs/denoise.h"

#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/model_flags.h"
#include "ddpm/cli/sampler_flags.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"
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

DenoiseRequest request_of(const DenoiseFlags& flags) {
  DenoiseRequest request{.model = model_request(flags.model),
                         .sampler = sampler_request("denoise", flags.sampler),
                         .data = flags.data,
                         .max_bad_files = flags.max_bad_files,
                         .from = flags.from,
                         .columns = flags.columns,
                         .seed = flags.seed};
  if (flags.images_given) request.images = flags.images;
  return request;
}

int run_denoise(const DenoiseFlags& flags, const TorchHooks& hooks) {
  require_given("denoise", "--checkpoint", flags.model.checkpoint, "a run or a checkpoint folder");
  require_given("denoise", "--out", flags.out, "the PNG file to write");
  JobFiles files("denoise");
  add_checkpoint(files, flags.model.checkpoint);
  add_data(files, "--data", flags.data);
  files.writes("--out", flags.out, Content::kPng);
  files.check();
  const TerminalWatch watch([&files](const std::string& about) {
    std::cout << files.shown("--out") << '\n' << about << std::endl;
    catch_stop_signals();
  });
  const DenoiseResult result = denoise(request_of(flags), hooks, watch);
  files.write("--out", encode_picture(layout_of(result.picture)));
  NextCommand next(hooks.program, "sample");
  add_model_flags(next, flags.model);
  next.flag("--out", "samples");
  if (flags.sampler.sampler == "ddim") add_sampler_flags(next, flags.sampler);
  std::cout << counted(result.images, "image") << " from t = " << result.from << " to 0\n"
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
