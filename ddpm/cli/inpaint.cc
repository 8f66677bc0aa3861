// `ddpm inpaint`: what could stand where something is missing of an image.

#include "ddpm/jobs/inpaint.h"

#include <algorithm>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/picture_flags.h"
#include "ddpm/jobs/mask.h"

namespace ddpm {

namespace {

struct InpaintFlags {
  PictureFlags picture;
  std::string data;
  std::vector<int64_t> images;
  std::string mask;
  std::string fill;
  RepaintOptions repaint;
  int64_t count = 4;
};

std::shared_ptr<InpaintFlags> declare(Flags& flags) {
  auto values = std::make_shared<InpaintFlags>();
  declare_picture_out(flags, values->picture,
                      "the picture to write: a row an image, what is known of it, its fillings");
  flags.text("--data", values->data, "SPEC", "an image file, or " + std::string(kDataForms));
  declare_max_bad_files(flags, values->picture.max_bad_files);
  flags.integers("--images", values->images, "the numbers of the images; none: the first one");
  flags.text("--mask", values->mask, "FILE.png",
             "white where the image is known, black or transparent where it is to be filled in");
  flags.text("--fill", values->fill, kFillForms, "instead of --mask: what is to be filled in");
  flags.integer("--count", values->count, "how many fillings of each image", 1, 100);
  flags.integer("--jump-length", values->repaint.jump_length,
                "how many steps of the chain a jump goes back up", 1);
  flags.integer("--resamplings", values->repaint.resamplings,
                "how often each part of the way is gone: 1 is fast and patchy", 1, 1000);
  declare_picture_rest(flags, values->picture,
                       "reverse steps of a way without jumps; 0: 250, but at most T");
  return values;
}

InpaintRequest request_of(const InpaintFlags& flags) {
  return {.picture = picture_request("inpaint", flags.picture),
          .data = flags.data,
          .images = flags.images,
          .mask = flags.mask,
          .fill = flags.fill,
          .repaint = flags.repaint,
          .count = flags.count};
}

JobFiles checked_files(const InpaintFlags& flags, const InpaintRequest& request) {
  JobFiles files = picture_files("inpaint", flags.picture);
  require_given("inpaint", "--data", flags.data, kDataForms);
  check(request);
  add_data(files, "--data", flags.data);
  files.reads("--mask", flags.mask);
  files.check();
  return files;
}

int run_inpaint(const InpaintFlags& flags, const TorchHooks& hooks) {
  const InpaintRequest request = request_of(flags);
  const JobFiles files = checked_files(flags, request);
  const InpaintResult result = draw("inpaint", flags.picture, files, [&](const Watch& watch) {
    return inpaint(request, hooks, watch);
  });
  NextCommand next(hooks.program, "reconstruct");
  add_model_flags(next, flags.picture.model);
  next.flag("--data", flags.data)
      .flag_unless(kMaxBadFiles, "--max-bad-files", flags.picture.max_bad_files)
      .flag("--images", join(result.numbers, ","))
      .flag("--out", "reconstruct.png");
  std::cout << counted(std::ssize(result.numbers), "image") << ", "
            << counted(flags.count, "filling") << " each, "
            << std::count(result.known.begin(), result.known.end(), uint8_t{0}) << " of "
            << result.known.size() << " pixels filled in\n"
            << next.line() << std::endl;
  return 0;
}

}  // namespace

Command inpaint_command() {
  return {.name = "inpaint",
          .summary = "fill in what is missing of an image, by RePaint",
          .example =
              "ddpm inpaint --checkpoint runs/clothes --data fashion-mnist --images 0,1 "
              "--fill right --out inpaint.png",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_inpaint(*values, hooks);
            };
          }};
}

}  // namespace ddpm
