// `ddpm family`: the picture of images that share their x_t and part at time t.

#include "ddpm/jobs/family.h"

#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/picture_flags.h"
#include "ddpm/jobs/image_files.h"

namespace ddpm {

namespace {

struct FamilyFlags {
  PictureFlags picture;
  std::vector<int64_t> shared_until;
  int64_t index = 0;
  int64_t count = 7;
};

std::shared_ptr<FamilyFlags> declare(Flags& flags) {
  auto values = std::make_shared<FamilyFlags>();
  declare_picture_out(
      flags, values->picture,
      "the picture to write: a row a time, its x_t, the x_0 predicted, the members");
  flags.integers("--shared-until", values->shared_until,
                 "the times at which a family parts, in [1, T]; none: T, 3T/4, T/2 and T/4");
  flags.integer("--count", values->count, "how many members", 2, 100);
  flags.integer("--index", values->index,
                "whose noise is shared: the first member is this image of the seed", 0,
                kMaxImageNumber);
  declare_picture_rest(flags, values->picture);
  return values;
}

int run_family(const FamilyFlags& flags, const TorchHooks& hooks) {
  JobFiles files = picture_files("family", flags.picture);
  files.check();
  const FamilyRequest request{.picture = picture_request("family", flags.picture),
                              .shared_until = flags.shared_until,
                              .index = flags.index,
                              .count = flags.count};
  const FamilyResult result = draw("family", flags.picture, files, [&](const Watch& watch) {
    return family(request, hooks, watch);
  });
  NextCommand next(hooks.program, "sample");
  add_model_flags(next, flags.picture.model);
  next.flag("--out", "samples")
      .flag("--seed", flags.picture.seed)
      .flag("--first-index", flags.index)
      .flag("--count", flags.count);
  add_sampler_flags(next, flags.picture.sampler);
  std::cout << result.partings.size() << " families of " << flags.count << ", each in "
            << result.steps << " steps\n"
            << next.line() << std::endl;
  return 0;
}

}  // namespace

Command family_command() {
  return {.name = "family",
          .summary = "the picture of images that share their x_t and part there",
          .example = "ddpm family --checkpoint runs/clothes --out family.png --steps 200",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_family(*values, hooks);
            };
          }};
}

}  // namespace ddpm
