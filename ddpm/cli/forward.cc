// `ddpm forward`: the picture of the forward process.

#include "ddpm/jobs/forward.h"

#include <iostream>
#include <memory>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/schedule_flags.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

namespace {

struct ForwardFlags {
  DataFlags data;
  std::string out;
  std::string schedule = "linear";
  ScheduleFlags process;
  int64_t images = 4;  // unless they are given, as many of them as there are
  bool images_given = false;
  int64_t first_image = 0;
  int64_t seed = 0;
  std::vector<int64_t> times;
  bool stepwise = false;
};

std::shared_ptr<ForwardFlags> declare(Flags& flags) {
  auto values = std::make_shared<ForwardFlags>();
  declare_data_flags(flags, values->data);
  flags.text("--out", values->out, "FILE.png",
             "the picture to write: a row an image, a column a time");
  flags.integer("--images", values->images, values->images_given, "how many images", 1, 100);
  flags.integer("--first-image", values->first_image, "the number of the first image", 0);
  flags.integers("--times", values->times,
                 "the times to show, in [0, T] and rising; none: eleven from 0 to T");
  flags.toggle(
      "--stepwise", values->stepwise,
      "walk through q(x_t | x_{t-1}) one step at a time; else each time by the closed form");
  flags.choice("--schedule", values->schedule, named_schedules(), "the noise schedule");
  declare_schedule_flags(flags, values->process);
  flags.integer("--seed", values->seed, "of the noise", 0);
  return values;
}

// But for the data.
ForwardRequest request_of(const ForwardFlags& flags) {
  ForwardRequest request;
  request.schedule = schedule_config("forward", flags.schedule, flags.process);
  if (flags.images_given) request.images = flags.images;
  request.first_image = flags.first_image;
  request.seed = flags.seed;
  request.times = flags.times;
  request.stepwise = flags.stepwise;
  return request;
}

int run_forward(const ForwardFlags& flags, const std::string& program) {
  require_given("forward", "--data", flags.data.spec, kDataForms);
  require_given("forward", "--out", flags.out, "the PNG file to write");
  JobFiles files("forward");
  add_data(files, "--data", flags.data.spec);
  files.reads("--betas", flags.process.betas);
  files.writes("--out", flags.out, Content::kPng);
  files.check();
  DDPM_CHECK(flags.process.betas.empty() || flags.schedule == "list",
             "forward: --betas belong to --schedule list, got --schedule ", flags.schedule);
  ForwardRequest request = request_of(flags);
  check(request);
  std::cout << files.shown("--out") << std::endl;
  request.data = data_options("forward", flags.data);
  const ForwardResult result = forward(request, TerminalWatch());
  files.write("--out", encode_picture(layout_of(result.picture)));
  std::cout << counted(result.images, "image") << " at "
            << counted(std::ssize(result.times), "time") << " of the " << flags.schedule
            << " schedule, "
            << (flags.stepwise ? "step by step through q(x_t | x_{t-1})"
                               : "from the closed form q(x_t | x_0)")
            << '\n'
            << NextCommand(program, "plan").flag("--data", flags.data.spec).line() << std::endl;
  return 0;
}

}  // namespace

Command forward_command() {
  return {.name = "forward",
          .summary = "the picture of images turning into noise",
          .example = "ddpm forward --data fashion-mnist --out forward.png --images 4",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_forward(*values, hooks.program);
            };
          }};
}

}  // namespace ddpm
