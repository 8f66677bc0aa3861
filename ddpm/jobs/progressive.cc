#include "ddpm/jobs/progressive.h"

#include <vector>

#include "ddpm/base/check.h"

namespace ddpm {

namespace {

constexpr int64_t kDefaultColumns = 11;

// Which steps of the chain are shown, rising: `columns` - 1 of them evenly, the first one among
// them, or the first at or below T, T - every, ..
std::vector<size_t> shown_steps(const ProgressiveRequest& request,
                                const std::vector<int64_t>& times, int64_t T) {
  const auto steps = static_cast<int64_t>(times.size()) - 1;
  std::vector<size_t> shown;
  const auto show = [&shown](int64_t step) {
    if (shown.empty() || shown.back() != static_cast<size_t>(step)) {
      shown.push_back(static_cast<size_t>(step));
    }
  };
  if (request.every == 0) {
    const int64_t columns = (request.columns > 0 ? request.columns : kDefaultColumns) - 1;
    for (int64_t c = 0; c < columns; ++c) show(steps * c / columns);
    return shown;
  }
  int64_t step = 0;
  for (int64_t t = T; t >= 1 && step < steps; t -= request.every) {
    while (step < steps && times[static_cast<size_t>(step)] > t) ++step;
    if (step < steps) show(step);
  }
  return shown;
}

Picture picture_of(const ProgressiveRequest& request, Walker& walker) {
  const std::vector<int64_t>& times = walker.chain().times;
  const std::vector<size_t> shown = shown_steps(request, times, walker.model().config.schedule.T);
  const auto columns = static_cast<int64_t>(shown.size()) + 1;
  Picture picture;
  picture.cells.resize(static_cast<size_t>(request.count * columns));
  const auto cell = [&](int64_t row, int64_t column) -> Image& {
    return picture.cells[static_cast<size_t>(row * columns + column)];
  };
  const auto seed = static_cast<uint64_t>(request.picture.seed);
  const std::vector<int64_t> indices = numbers_from(0, request.count);
  Batch x(walker.model().shape(request.count));
  fill_initial_noise(seed, indices, x);
  walker.down(times, step_noise(seed), indices, x, [&](int64_t first, const SampleStep& step) {
    for (size_t c = 0; c < shown.size(); ++c) {
      if (times[shown[c]] != step.t) continue;
      for (int64_t i = 0; i < step.x0.images(); ++i) {
        cell(first + i, static_cast<int64_t>(c)) = image_of(step.x0, i);
      }
    }
  });
  for (int64_t i = 0; i < request.count; ++i) {
    cell(i, columns - 1) = image_of(x, i);
    picture.rows.push_back(concat("image ", i));
  }
  for (const size_t step : shown) picture.columns.push_back(concat("t = ", times[step]));
  picture.columns.emplace_back("image");
  return picture;
}

}  // namespace

ProgressiveResult progressive(const ProgressiveRequest& request, const TorchHooks& hooks,
                              const Watch& watch) {
  DDPM_CHECK(request.every == 0 || request.columns == 0,
             "progressive: --columns and --every exclude each other");
  DDPM_CHECK(request.columns != 1, "progressive: --columns must be at least 2, got 1");
  const Model model = open_model("progressive", request.picture.model, hooks, watch);
  const Chain chain = chain_of("progressive", request.picture.sampler, model.config);
  begin(watch, describe(model, request.picture.model));
  Walker walker(model, chain, watch, request.picture.batch_size, request.count);
  ProgressiveResult result{picture_of(request, walker), std::ssize(chain.times) - 1};
  result.picture.text = picture_text("progressive", request.picture, model, chain);
  return result;
}

}  // namespace ddpm
