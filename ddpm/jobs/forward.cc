#include "ddpm/jobs/forward.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/random/stream.h"

namespace ddpm {

namespace {

constexpr int64_t kDefaultImages = 4;
constexpr int64_t kDefaultColumns = 11;

std::vector<int64_t> times_of(const ForwardRequest& request, int64_t T) {
  if (request.times.empty()) {
    std::vector<int64_t> times;
    for (int64_t i = 0; i < kDefaultColumns; ++i) {
      const int64_t t = T * i / (kDefaultColumns - 1);
      if (times.empty() || t > times.back()) times.push_back(t);
    }
    return times;
  }
  for (size_t i = 0; i < request.times.size(); ++i) {
    const bool rising = i == 0 || request.times[i] > request.times[i - 1];
    DDPM_CHECK(rising && request.times[i] >= 0 && request.times[i] <= T,
               "forward: --times must rise and lie in [0, ", T, "], got ", request.times[i]);
  }
  return request.times;
}

Stream noise_of(const ForwardRequest& request, int64_t image, int64_t t) {
  return {static_cast<uint64_t>(request.seed), Purpose::kForwardNoise, static_cast<uint64_t>(image),
          static_cast<uint64_t>(t)};
}

// Called with x_t at each of the times, one after the other: many large images at once would need
// much memory.
using OnTime = std::function<void(ConstBatchView x_t)>;

// One image at all times by the closed form, each with noise of its own.
void chain_at_once(const ForwardRequest& request, const Schedule& schedule, ConstBatchView x0,
                   int64_t image, const std::vector<int64_t>& times, const OnTime& on_time) {
  Batch x_t;
  for (const int64_t t : times) {
    if (t == 0) {
      on_time(x0);
      continue;
    }
    if (x_t.values().empty()) x_t = Batch(x0.shape());
    fill_normal(noise_of(request, image, t), x_t.values());
    q_sample(schedule, x0, std::span(&t, 1), x_t, x_t);
    on_time(x_t);
  }
}

// The same through every x_1, x_2, .. between.
void chain_by_steps(const ForwardRequest& request, const Schedule& schedule, Batch x, int64_t image,
                    const std::vector<int64_t>& times, const OnTime& on_time) {
  Batch z(x.shape());
  int64_t now = 0;
  for (const int64_t t : times) {
    while (now < t) {
      ++now;
      fill_normal(noise_of(request, image, now), z.values());
      q_step(schedule, x, std::span(&now, 1), z, x);
    }
    on_time(x);
  }
}

Picture picture_of(const ForwardRequest& request, int64_t images, const Dataset& dataset,
                   const Schedule& schedule, const std::vector<int64_t>& times) {
  const BatchShape shape = dataset.image_shape();
  Picture picture;
  for (int64_t i = 0; i < images; ++i) {
    const int64_t image = request.first_image + i;
    Batch x0(shape);
    dataset.read(image, /*flip=*/false, x0.values());
    const auto on_time = [&picture](ConstBatchView x_t) {
      picture.cells.push_back(image_of(x_t, 0));
    };
    if (request.stepwise) {
      chain_by_steps(request, schedule, std::move(x0), image, times, on_time);
    } else {
      chain_at_once(request, schedule, x0, image, times, on_time);
    }
  }
  for (const int64_t t : times) picture.columns.push_back(concat("t = ", t));
  return picture;
}

}  // namespace

void check(const ForwardRequest& request) {
  times_of(request, make_schedule(request.schedule).steps());
}

ForwardResult forward(const ForwardRequest& request, const Watch& watch) {
  const Schedule schedule = make_schedule(request.schedule);
  const std::vector<int64_t> times = times_of(request, schedule.steps());
  begin(watch, "");
  const Dataset dataset = open_dataset(for_few_images(request.data), watch);
  const int64_t images = request.images.value_or(
      std::clamp<int64_t>(dataset.size() - request.first_image, 1, kDefaultImages));
  DDPM_CHECK(request.first_image <= dataset.size() - images,
             "forward: --images: wanted images in [0, ", dataset.size(), "), got ",
             request.first_image, " .. ", request.first_image + images - 1);
  note(watch, dataset.report().lines());
  return {picture_of(request, images, dataset, schedule, times), images, times};
}

}  // namespace ddpm
