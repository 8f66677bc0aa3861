// `ddpm family`: images that share their x_t, one family a row, and part at time t; [DDPM]
// figure 7.

#include "ddpm/sampling/family.h"

#include <algorithm>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/picture_job.h"
#include "ddpm/jobs/image_files.h"
#include "ddpm/terminal/signals.h"

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

std::vector<int64_t> default_times(int64_t T) {
  return {T, std::max<int64_t>(1, 3 * T / 4), std::max<int64_t>(1, T / 2),
          std::max<int64_t>(1, T / 4)};
}

// Unless the steps that leave `parting` and later ones add noise, all members are one image.
bool parts_at(const Model& model, const Chain& chain, int64_t parting) {
  const Plan plan = sampler_plan(chain.options, model.predictor.schedule(), chain.times);
  return std::any_of(plan.begin(), plan.end(), [&](const Stage& stage) {
    return chain.times[static_cast<size_t>(stage.step)] <= parting &&
           (stage.noise_weight > 0.0 || stage.learned_variance);
  });
}

void check_parts(const FamilyFlags& flags, const Model& model, const Chain& chain,
                 int64_t parting) {
  DDPM_CHECK(parts_at(model, chain, parting), "family: --sampler ", flags.picture.sampler.sampler,
             " adds no noise from time ", parting,
             " on, so that all members would be one image; wanted ddpm, ddim with --eta above 0 or "
             "dpmpp_2m_sde, and a time to visit below that one");
}

// Where each family parts, a visited time each.
std::vector<int64_t> partings_of(const FamilyFlags& flags, const Model& model, const Chain& chain) {
  const int64_t T = model.config.schedule.T;
  DDPM_CHECK(chain.options.churn.amount == 0.0, "family: --churn has no families");
  check_noise_times("family", "--shared-until", flags.shared_until, 1, T);
  std::vector<int64_t> partings;
  const bool given = !flags.shared_until.empty();
  for (const int64_t t : given ? flags.shared_until : default_times(T)) {
    const int64_t parting = parting_of(chain.times, t);
    const bool last_resort = !given && partings.empty();  // T itself, which has to part
    if (!given && !last_resort && !parts_at(model, chain, parting)) continue;
    check_parts(flags, model, chain, parting);
    partings.push_back(parting);
  }
  return partings;
}

// x_t at the parting, the x_0 predicted from it, and the members.
std::vector<Image> family_at(const FamilyFlags& flags, int64_t parting, Walker& walker) {
  const auto seed = static_cast<uint64_t>(flags.picture.seed);
  const std::vector<int64_t>& times = walker.chain().times;
  const std::vector<int64_t> indices = numbers_from(flags.index, flags.count);
  Batch x(walker.model().shape(flags.count));
  fill_family_noise(seed, flags.index, x);
  std::vector<Image> row(2);
  if (parting == times.front()) row[0] = image_of(x, 0);
  walker.down(times, family_noise(seed, flags.index, parting), indices, x,
              [&](int64_t first, const SampleStep& step) {
                if (first > 0) return;
                if (step.next_t == parting) row[0] = image_of(step.x, 0);
                if (step.t == parting) row[1] = image_of(step.x0, 0);
              });
  for (int64_t i = 0; i < flags.count; ++i) row.push_back(image_of(x, i));
  return row;
}

Picture picture_of(const FamilyFlags& flags, const std::vector<int64_t>& partings, Walker& walker) {
  Picture picture;
  picture.columns = {"x_t", "predicted"};
  for (int64_t i = 0; i < flags.count; ++i) {
    picture.columns.push_back(concat("member ", flags.index + i));
  }
  for (const int64_t t : partings) {
    picture.rows.push_back(concat("shared to t = ", t));
    for (Image& cell : family_at(flags, t, walker)) picture.cells.push_back(std::move(cell));
  }
  return picture;
}

int run_family(const FamilyFlags& flags, const TorchHooks& hooks) {
  JobFiles files = picture_files("family", flags.picture);
  files.check();
  const Model model = open_model("family", flags.picture.model, hooks);
  const Chain chain = chain_of("family", flags.picture.sampler, model.config);
  const std::vector<int64_t> partings = partings_of(flags, model, chain);
  std::cout << files.shown("--out") << '\n' << describe(model, flags.picture.model) << std::endl;
  catch_stop_signals();
  const auto single = lock_single("family", flags.picture);
  Walker walker(model, chain, flags.picture.batch_size, std::ssize(partings) * flags.count);
  const Picture picture = picture_of(flags, partings, walker);
  walker.finish();
  PngText text = picture_text("family", flags.picture, model, chain);
  text["shared until"] = join(partings, ",");
  text["index"] = std::to_string(flags.index);
  write_picture(files, flags.picture, picture, text);
  NextCommand next(hooks.program, "sample");
  add_model_flags(next, flags.picture.model);
  next.flag("--out", "samples")
      .flag("--seed", flags.picture.seed)
      .flag("--first-index", flags.index)
      .flag("--count", flags.count);
  add_sampler_flags(next, flags.picture.sampler);
  std::cout << partings.size() << " families of " << flags.count << ", each in "
            << chain.times.size() - 1 << " steps\n"
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
