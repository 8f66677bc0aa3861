#include "ddpm/jobs/family.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/sampling/family.h"

namespace ddpm {

namespace {

constexpr std::array<int64_t, 4> kDefaultEighths = {8, 6, 4, 2};  // of T: when families part

// Unless the steps that leave `parting` and later ones add noise, all members are one image.
bool parts_at(const Model& model, const Chain& chain, int64_t parting) {
  const Plan plan = sampler_plan(chain.options, model.predictor.schedule(), chain.times);
  return std::any_of(plan.begin(), plan.end(), [&](const Stage& stage) {
    return chain.times[static_cast<size_t>(stage.step)] <= parting &&
           (stage.noise_weight > 0.0 || stage.learned_variance);
  });
}

// As --sampler names it.
std::string name_of_sampler(const SamplerRequest& request) {
  return request.sampler ? to_string(*request.sampler) : "checkpoint";
}

void check_parts(const FamilyRequest& request, const Model& model, const Chain& chain,
                 int64_t parting) {
  DDPM_CHECK(parts_at(model, chain, parting), "family: --sampler ",
             name_of_sampler(request.picture.sampler), " adds no noise from time ", parting,
             " on, so that all members would be one image; wanted ddpm, ddim with --eta above 0 or "
             "dpmpp_2m_sde, and a time to visit below that one");
}

// Where each family parts, a visited time each.
std::vector<int64_t> partings_of(const FamilyRequest& request, const Model& model,
                                 const Chain& chain) {
  const int64_t T = model.config.schedule.T;
  DDPM_CHECK(chain.options.churn.amount == 0.0, "family: --churn has no families");
  check_noise_times("family", "--shared-until", request.shared_until, 1, T);
  std::vector<int64_t> partings;
  const bool given = !request.shared_until.empty();
  for (const int64_t t : given ? request.shared_until : times_of_eighths(T, kDefaultEighths)) {
    const int64_t parting = parting_of(chain.times, t);
    const bool last_resort = !given && partings.empty();  // T itself, which has to part
    if (!given && !last_resort && !parts_at(model, chain, parting)) continue;
    check_parts(request, model, chain, parting);
    partings.push_back(parting);
  }
  return partings;
}

// x_t at the parting, the x_0 predicted from it, and the members.
std::vector<Image> family_at(const FamilyRequest& request, int64_t parting, Walker& walker) {
  const auto seed = static_cast<uint64_t>(request.picture.seed);
  const std::vector<int64_t>& times = walker.chain().times;
  const std::vector<int64_t> indices = numbers_from(request.index, request.count);
  Batch x(walker.model().shape(request.count));
  fill_family_noise(seed, request.index, x);
  std::vector<Image> row(2);
  if (parting == times.front()) row[0] = image_of(x, 0);
  walker.down(times, family_noise(seed, request.index, parting), indices, x,
              [&](int64_t first, const SampleStep& step) {
                if (first > 0) return;
                if (step.next_t == parting) row[0] = image_of(step.x, 0);
                if (step.t == parting) row[1] = image_of(step.x0, 0);
              });
  for (int64_t i = 0; i < request.count; ++i) row.push_back(image_of(x, i));
  return row;
}

Picture picture_of(const FamilyRequest& request, const std::vector<int64_t>& partings,
                   Walker& walker) {
  Picture picture;
  picture.columns = {"x_t", "predicted"};
  for (int64_t i = 0; i < request.count; ++i) {
    picture.columns.push_back(concat("member ", request.index + i));
  }
  for (const int64_t t : partings) {
    picture.rows.push_back(concat("shared to t = ", t));
    for (Image& cell : family_at(request, t, walker)) picture.cells.push_back(std::move(cell));
  }
  return picture;
}

}  // namespace

FamilyResult family(const FamilyRequest& request, const TorchHooks& hooks, const Watch& watch) {
  const Model model = open_model("family", request.picture.model, hooks, watch);
  const Chain chain = chain_of("family", request.picture.sampler, model.config);
  FamilyResult result;
  result.partings = partings_of(request, model, chain);
  result.steps = std::ssize(chain.times) - 1;
  begin(watch, describe(model, request.picture.model));
  Walker walker(model, chain, watch, request.picture.batch_size,
                std::ssize(result.partings) * request.count);
  result.picture = picture_of(request, result.partings, walker);
  result.picture.text = picture_text("family", request.picture, model, chain);
  result.picture.text["shared until"] = join(result.partings, ",");
  result.picture.text["index"] = std::to_string(request.index);
  return result;
}

}  // namespace ddpm
