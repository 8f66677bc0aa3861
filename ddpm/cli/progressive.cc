// `ddpm progressive`: the picture of what the network predicts on its way down.

#include "ddpm/jobs/progressive.h"

#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/picture_flags.h"

namespace ddpm {

namespace {

struct ProgressiveFlags {
  PictureFlags picture;
  int64_t count = 8;
  int64_t columns = 0;
  int64_t every = 0;
};

std::shared_ptr<ProgressiveFlags> declare(Flags& flags) {
  auto values = std::make_shared<ProgressiveFlags>();
  values->picture.sampler.sampler = "ddim";
  declare_picture_out(flags, values->picture,
                      "the picture to write: a row an image, a column a time");
  flags.integer("--count", values->count, "how many images", 1, 100);
  flags.integer("--columns", values->columns,
                "how many columns, the image itself the last; 0: 11, or as --every has it", 0,
                1000);
  flags.integer("--every", values->every,
                "a column for every so many times, from T down; 0: --columns", 0);
  declare_picture_rest(flags, values->picture);
  return values;
}

int run_progressive(const ProgressiveFlags& flags, const TorchHooks& hooks) {
  JobFiles files = picture_files("progressive", flags.picture);
  files.check();
  const ProgressiveRequest request{.picture = picture_request("progressive", flags.picture),
                                   .count = flags.count,
                                   .columns = flags.columns,
                                   .every = flags.every};
  const ProgressiveResult result =
      draw("progressive", flags.picture, files,
           [&](const Watch& watch) { return progressive(request, hooks, watch); });
  NextCommand next(hooks.program, "family");
  add_model_flags(next, flags.picture.model);
  next.flag("--out", "family.png").flag("--seed", flags.picture.seed);
  std::cout << counted(flags.count, "image") << ", each in " << counted(result.steps, "step")
            << "; x_0 as predicted from x_t, and the image\n"
            << next.line() << std::endl;
  return 0;
}

}  // namespace

Command progressive_command() {
  return {.name = "progressive",
          .summary = "the picture of the predicted x_0 along the way from noise to images",
          .example = "ddpm progressive --checkpoint runs/clothes --out progressive.png --count 8",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_progressive(*values, hooks);
            };
          }};
}

}  // namespace ddpm
