#include "ddpm/jobs/denoise.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

constexpr int64_t kDefaultImages = 4;

// One state of the chain as it is shown.
struct Frame {
  int64_t t;
  Batch x;
  Batch x0;  // predicted from x
};

Batch copy_of(ConstBatchView view) {
  Batch copy(view.shape());
  std::copy(view.values().begin(), view.values().end(), copy.values().begin());
  return copy;
}

// x_t of the first x.images() images of the data, and the times from t down.
void start_from_data(const DenoiseRequest& request, const Dataset& dataset, const Model& model,
                     Chain& chain, Batch& x) {
  const int64_t from = request.from > 0 ? request.from : model.config.schedule.T / 2;
  chain.times = times_from(chain.times, from);
  Batch eps(x.shape());
  const std::vector<int64_t> t(static_cast<size_t>(x.images()), from);
  for (int64_t i = 0; i < x.images(); ++i) {
    dataset.read(i, /*flip=*/false, x.image(i));
    fill_normal({static_cast<uint64_t>(request.seed), Purpose::kForwardNoise,
                 static_cast<uint64_t>(i), static_cast<uint64_t>(from)},
                eps.image(i));
  }
  q_sample(model.predictor.schedule(), x, t, eps, x);
}

// Takes x to time 0 and keeps every state on the way.
std::vector<Frame> walk(const Model& model, const Chain& chain, uint64_t seed,
                        std::span<const int64_t> indices, Batch& x, const Watch& watch) {
  std::vector<Frame> frames;
  Batch before = x;
  run_sampler(model.predictor, chain.times, chain.options, seed, indices, x,
              [&](const SampleStep& step) {
                give_up_if_stopped(watch);
                frames.push_back({step.t, before, copy_of(step.x0)});
                before = copy_of(step.x);
                advance(watch, {.phase = JobPhase::kDenoising,
                                .unit = "steps",
                                .done = static_cast<double>(frames.size()),
                                .total = std::ssize(chain.times) - 1});
              });
  frames.push_back({0, x, x});
  return frames;
}

// The frames that fill `columns` columns evenly, the first and the last among them.
std::vector<const Frame*> chosen_frames(const std::vector<Frame>& frames, int64_t columns) {
  std::vector<const Frame*> chosen;
  const auto last = static_cast<int64_t>(frames.size()) - 1;
  for (int64_t c = 0; c < columns; ++c) {
    const Frame* frame = &frames[static_cast<size_t>(last * c / (columns - 1))];
    if (chosen.empty() || chosen.back() != frame) chosen.push_back(frame);
  }
  return chosen;
}

Picture picture_of(const DenoiseRequest& request, int64_t images,
                   const std::vector<Frame>& frames) {
  const auto chosen = chosen_frames(frames, request.columns);
  Picture picture;
  for (int64_t i = 0; i < images; ++i) {
    for (const bool predicted : {false, true}) {
      picture.rows.emplace_back(predicted ? "x_0 predicted" : "x_t");
      for (const Frame* frame : chosen) {
        picture.cells.push_back(image_of(predicted ? frame->x0 : frame->x, i));
      }
    }
  }
  for (const Frame* frame : chosen) picture.columns.push_back(concat("t = ", frame->t));
  return picture;
}

// The images to begin with.
Dataset open_data(const DenoiseRequest& request, const Model& model, const Watch& watch) {
  Dataset dataset =
      open_dataset(for_few_images(data_of_network(request.data, Fit::kCrop, request.max_bad_files,
                                                  model.config.unet)),
                   watch);
  DDPM_CHECK(request.images.value_or(1) <= dataset.size(), "denoise: --images: expected at most ",
             dataset.size(), ", as many as the data have, got ", *request.images);
  note(watch, dataset.report().lines());
  return dataset;
}

}  // namespace

DenoiseResult denoise(const DenoiseRequest& request, const TorchHooks& hooks, const Watch& watch) {
  DDPM_CHECK(request.from == 0 || !request.data.empty(), "denoise: --from belongs to --data");
  const Model model = open_model("denoise", request.model, hooks, watch);
  DDPM_CHECK(request.from <= model.config.schedule.T, "denoise: --from must be at most T, ",
             model.config.schedule.T, ", got ", request.from);
  Chain chain = chain_of("denoise", request.sampler, model.config);
  begin(watch, describe(model, request.model));
  std::optional<Dataset> dataset;
  if (!request.data.empty()) dataset = open_data(request, model, watch);
  const int64_t images =
      request.images.value_or(dataset ? std::min(kDefaultImages, dataset->size()) : kDefaultImages);
  const std::vector<int64_t> indices = numbers_from(0, images);
  const auto seed = static_cast<uint64_t>(request.seed);
  Batch x(model.shape(images));
  if (dataset) {
    start_from_data(request, *dataset, model, chain, x);
  } else {
    fill_initial_noise(seed, indices, x);
  }
  const std::vector<Frame> frames = walk(model, chain, seed, indices, x, watch);
  return {picture_of(request, images, frames), images, chain.times.front()};
}

}  // namespace ddpm
