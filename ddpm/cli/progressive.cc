// `ddpm progressive`: the images that the network has in mind on its way down, x_0 as predicted at
// several times; [DDPM] figure 6.

#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/picture_job.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

struct ProgressiveFlags {
  PictureFlags picture;
  int64_t count = 8;
  int64_t columns = 0;
  int64_t every = 0;
};

constexpr int64_t kDefaultColumns = 11;

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

// Which steps of the chain are shown, rising: `columns` - 1 of them evenly, the first one among
// them, or the first at or below T, T - every, ..
std::vector<size_t> shown_steps(const ProgressiveFlags& flags, const std::vector<int64_t>& times,
                                int64_t T) {
  const auto steps = static_cast<int64_t>(times.size()) - 1;
  std::vector<size_t> shown;
  const auto show = [&shown](int64_t step) {
    if (shown.empty() || shown.back() != static_cast<size_t>(step)) {
      shown.push_back(static_cast<size_t>(step));
    }
  };
  if (flags.every == 0) {
    const int64_t columns = (flags.columns > 0 ? flags.columns : kDefaultColumns) - 1;
    for (int64_t c = 0; c < columns; ++c) show(steps * c / columns);
    return shown;
  }
  int64_t step = 0;
  for (int64_t t = T; t >= 1 && step < steps; t -= flags.every) {
    while (step < steps && times[static_cast<size_t>(step)] > t) ++step;
    if (step < steps) show(step);
  }
  return shown;
}

Picture picture_of(const ProgressiveFlags& flags, Walker& walker) {
  const std::vector<int64_t>& times = walker.chain().times;
  const std::vector<size_t> shown = shown_steps(flags, times, walker.model().config.schedule.T);
  const auto columns = static_cast<int64_t>(shown.size()) + 1;
  Picture picture;
  picture.cells.resize(static_cast<size_t>(flags.count * columns));
  const auto cell = [&](int64_t row, int64_t column) -> Image& {
    return picture.cells[static_cast<size_t>(row * columns + column)];
  };
  const auto seed = static_cast<uint64_t>(flags.picture.seed);
  const std::vector<int64_t> indices = numbers_from(0, flags.count);
  Batch x(walker.model().shape(flags.count));
  fill_initial_noise(seed, indices, x);
  walker.down(times, step_noise(seed), indices, x, [&](int64_t first, const SampleStep& step) {
    for (size_t c = 0; c < shown.size(); ++c) {
      if (times[shown[c]] != step.t) continue;
      for (int64_t i = 0; i < step.x0.images(); ++i) {
        cell(first + i, static_cast<int64_t>(c)) = image_of(step.x0, i);
      }
    }
  });
  for (int64_t i = 0; i < flags.count; ++i) {
    cell(i, columns - 1) = image_of(x, i);
    picture.rows.push_back(concat("image ", i));
  }
  for (const size_t step : shown) picture.columns.push_back(concat("t = ", times[step]));
  picture.columns.emplace_back("image");
  return picture;
}

int run_progressive(const ProgressiveFlags& flags, const TorchHooks& hooks) {
  JobFiles files = picture_files("progressive", flags.picture);
  files.check();
  DDPM_CHECK(flags.every == 0 || flags.columns == 0,
             "progressive: --columns and --every exclude each other");
  DDPM_CHECK(flags.columns != 1, "progressive: --columns must be at least 2, got 1");
  const Model model = open_model("progressive", flags.picture.model, hooks);
  const Chain chain = chain_of("progressive", flags.picture.sampler, model.config);
  std::cout << files.shown("--out") << '\n' << describe(model, flags.picture.model) << std::endl;
  catch_stop_signals();
  const auto single = lock_single("progressive", flags.picture);
  Walker walker(model, chain, flags.picture.batch_size, flags.count);
  const Picture picture = picture_of(flags, walker);
  walker.finish();
  write_picture(files, flags.picture, picture,
                picture_text("progressive", flags.picture, model, chain));
  NextCommand next(hooks.program, "family");
  add_model_flags(next, flags.picture.model);
  next.flag("--out", "family.png").flag("--seed", flags.picture.seed);
  std::cout << counted(flags.count, "image") << ", each in "
            << counted(std::ssize(chain.times) - 1, "step")
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
