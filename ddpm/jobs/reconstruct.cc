#include "ddpm/jobs/reconstruct.h"

#include <algorithm>
#include <array>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/plot/image_difference.h"

namespace ddpm {

namespace {

constexpr std::array<int64_t, 4> kDefaultEighths = {1, 2, 4,
                                                    6};  // of T: the times to come back from

// The images at t and what comes back of them.
struct Journey {
  int64_t t;
  Batch x_t;
  Batch back;
};

Journey journey_to(const ReconstructRequest& request, const std::vector<int64_t>& numbers,
                   int64_t t, ConstBatchView x0, Walker& walker) {
  const auto seed = static_cast<uint64_t>(request.picture.seed);
  const std::vector<int64_t> times = times_from(walker.chain().times, t);
  const Batch eps = encoded_noise(walker, request.encoding, seed, times, numbers, x0);
  Journey journey{t, Batch(x0.shape()), {}};
  const std::vector<int64_t> all_t(numbers.size(), t);
  q_sample(walker.model().predictor.schedule(), x0, all_t, eps, journey.x_t);
  journey.back = journey.x_t;
  walker.down(times, step_noise(seed), numbers, journey.back);
  return journey;
}

Picture picture_of(const std::vector<int64_t>& numbers, ConstBatchView x0,
                   const std::vector<Journey>& journeys) {
  Picture picture;
  picture.columns.emplace_back("original");
  for (const Journey& journey : journeys) {
    picture.columns.push_back(concat("t = ", journey.t));
    picture.columns.emplace_back("back");
  }
  for (int64_t i = 0; i < x0.images(); ++i) {
    picture.rows.push_back(concat("image ", numbers[static_cast<size_t>(i)]));
    picture.cells.push_back(image_of(x0, i));
    for (const Journey& journey : journeys) {
      picture.cells.push_back(image_of(journey.x_t, i));
      picture.cells.push_back(image_of(journey.back, i));
    }
  }
  return picture;
}

std::vector<Image> images_of(ConstBatchView x) {
  std::vector<Image> images;
  for (int64_t i = 0; i < x.images(); ++i) images.push_back(image_of(x, i));
  return images;
}

ReconstructionError error_of(int64_t t, const std::vector<int64_t>& numbers,
                             const std::vector<Image>& originals, const std::vector<Image>& back) {
  ReconstructionError error{.t = t};
  for (size_t i = 0; i < back.size(); ++i) {
    error.images.push_back({numbers[i], rms_difference({&originals[i], 1}, {&back[i], 1})});
  }
  error.rmse = rms_difference(originals, back);
  return error;
}

}  // namespace

ReconstructResult reconstruct(const ReconstructRequest& request, const TorchHooks& hooks,
                              const Watch& watch) {
  const Model model = open_model("reconstruct", request.picture.model, hooks, watch);
  const int64_t T = model.config.schedule.T;
  const Chain chain = chain_of("reconstruct", request.picture.sampler, model.config);
  const std::vector<int64_t> at =
      request.at.empty() ? times_of_eighths(T, kDefaultEighths) : request.at;
  check_noise_times("reconstruct", "--at", at, 1, T);
  begin(watch, describe(model, request.picture.model));
  ReconstructResult result;
  result.numbers = request.images.empty() ? std::vector<int64_t>{0} : request.images;
  const Batch x0 =
      read_model_images("reconstruct", request.picture, request.data, result.numbers, model, watch);
  const int64_t ways = request.encoding == Encoding::kDdim ? 2 : 1;
  Walker walker(model, chain, watch, request.picture.batch_size,
                ways * std::ssize(at) * std::ssize(result.numbers));
  std::vector<Journey> journeys;
  for (const int64_t t : at) {
    journeys.push_back(journey_to(request, result.numbers, t, x0, walker));
    result.errors.push_back(
        error_of(t, result.numbers, images_of(x0), images_of(journeys.back().back)));
  }
  result.picture = picture_of(result.numbers, x0, journeys);
  PngText& text = result.picture.text;
  text = picture_text("reconstruct", request.picture, model, chain);
  text["images"] = request.data + " " + join(result.numbers, ",");
  text["at"] = join(at, ",");
  text["encode"] = to_string(request.encoding);
  return result;
}

}  // namespace ddpm
