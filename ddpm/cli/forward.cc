// `ddpm forward`: the picture of the forward process, [DDPM] figure 2 read from right to left.

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/schedule_flags.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/transform.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/plot/image_grid.h"
#include "ddpm/random/stream.h"
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

constexpr int64_t kDefaultColumns = 11;

std::vector<int64_t> times_of(const ForwardFlags& flags, int64_t T) {
  if (flags.times.empty()) {
    std::vector<int64_t> times;
    for (int64_t i = 0; i < kDefaultColumns; ++i) {
      const int64_t t = T * i / (kDefaultColumns - 1);
      if (times.empty() || t > times.back()) times.push_back(t);
    }
    return times;
  }
  for (size_t i = 0; i < flags.times.size(); ++i) {
    const bool rising = i == 0 || flags.times[i] > flags.times[i - 1];
    DDPM_CHECK(rising && flags.times[i] >= 0 && flags.times[i] <= T,
               "forward: --times must rise and lie in [0, ", T, "], got ", flags.times[i]);
  }
  return flags.times;
}

Stream noise_of(const ForwardFlags& flags, int64_t image, int64_t t) {
  return {static_cast<uint64_t>(flags.seed), Purpose::kForwardNoise, static_cast<uint64_t>(image),
          static_cast<uint64_t>(t)};
}

// Called with x_t at each of the times, one after the other: many large images at once would need
// much memory.
using OnTime = std::function<void(ConstBatchView x_t)>;

// One image at all times by the closed form, each with noise of its own.
void chain_at_once(const ForwardFlags& flags, const Schedule& schedule, ConstBatchView x0,
                   int64_t image, const std::vector<int64_t>& times, const OnTime& on_time) {
  Batch x_t;
  for (const int64_t t : times) {
    if (t == 0) {
      on_time(x0);
      continue;
    }
    if (x_t.values().empty()) x_t = Batch(x0.shape());
    fill_normal(noise_of(flags, image, t), x_t.values());
    q_sample(schedule, x0, std::span(&t, 1), x_t, x_t);
    on_time(x_t);
  }
}

// The same through every x_1, x_2, .. between.
void chain_by_steps(const ForwardFlags& flags, const Schedule& schedule, Batch x, int64_t image,
                    const std::vector<int64_t>& times, const OnTime& on_time) {
  Batch z(x.shape());
  int64_t now = 0;
  for (const int64_t t : times) {
    while (now < t) {
      ++now;
      fill_normal(noise_of(flags, image, now), z.values());
      q_step(schedule, x, std::span(&now, 1), z, x);
    }
    on_time(x);
  }
}

Image picture(const ForwardFlags& flags, const Dataset& dataset, const Schedule& schedule,
              const std::vector<int64_t>& times) {
  const BatchShape shape = dataset.image_shape();
  std::vector<Image> cells;
  for (int64_t i = 0; i < flags.images; ++i) {
    const int64_t image = flags.first_image + i;
    Batch x0(shape);
    dataset.read(image, /*flip=*/false, x0.values());
    const auto on_time = [&cells, &shape](ConstBatchView x_t) {
      cells.push_back(to_image(x_t.values(), shape.channels, shape.height, shape.width));
    };
    if (flags.stepwise) {
      chain_by_steps(flags, schedule, std::move(x0), image, times, on_time);
    } else {
      chain_at_once(flags, schedule, x0, image, times, on_time);
    }
  }
  GridOptions options = grid_options_for(cells[0]);
  options.columns = static_cast<int64_t>(times.size());
  for (const int64_t t : times) options.column_labels.push_back(concat("t = ", t));
  return image_grid(cells, options);
}

int run_forward(ForwardFlags flags, const std::string& program) {
  require_given("forward", "--data", flags.data.spec, kDataForms);
  require_given("forward", "--out", flags.out, "the PNG file to write");
  JobFiles files("forward");
  add_data(files, "--data", flags.data.spec);
  files.reads("--betas", flags.process.betas);
  files.writes("--out", flags.out, Content::kPng);
  files.check();
  DDPM_CHECK(flags.process.betas.empty() || flags.schedule == "list",
             "forward: --betas belong to --schedule list, got --schedule ", flags.schedule);
  const Schedule schedule =
      make_schedule(schedule_config("forward", flags.schedule, flags.process));
  const std::vector<int64_t> times = times_of(flags, schedule.steps());
  std::cout << files.shown("--out") << std::endl;
  const Dataset dataset = open_dataset_watched(for_few_images(data_options("forward", flags.data)));
  if (!flags.images_given) {
    flags.images = std::clamp<int64_t>(dataset.size() - flags.first_image, 1, flags.images);
  }
  DDPM_CHECK(flags.first_image <= dataset.size() - flags.images,
             "forward: --images: wanted images in [0, ", dataset.size(), "), got ",
             flags.first_image, " .. ", flags.first_image + flags.images - 1);
  std::cout << dataset.report().lines() << std::flush;
  files.write("--out", encode_picture(picture(flags, dataset, schedule, times)));
  std::cout << counted(flags.images, "image") << " at " << counted(std::ssize(times), "time")
            << " of the " << flags.schedule << " schedule, "
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
