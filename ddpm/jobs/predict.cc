#include "ddpm/jobs/predict.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/diffusion/schedule.h"

namespace ddpm {

namespace {

// "[1, 0, 27, 3]": where the first value that is not finite is; nothing if all are finite.
std::optional<std::string> first_not_finite(ConstBatchView batch) {
  const std::span<const float> values = batch.values();
  const auto found = std::ranges::find_if(values, [](float x) { return !std::isfinite(x); });
  if (found == values.end()) return std::nullopt;
  const BatchShape& shape = batch.shape();
  int64_t at = found - values.begin();
  std::vector<int64_t> index(4);
  const int64_t extents[] = {shape.images, shape.channels, shape.height, shape.width};
  for (size_t i = 4; i-- > 0;) {
    index[i] = at % extents[i];
    at /= extents[i];
  }
  return concat(shape_text(index), " is ", *found);
}

Batch input_batch(const NpyArray& array, const UNetConfig& unet, const std::string& name) {
  const std::vector<float> values = npy_floats(array, "predict: " + name);
  const int64_t images = array.shape.empty() ? 0 : array.shape[0];
  const BatchShape shape{images, unet.image_channels, unet.height, unet.width};
  const std::vector<int64_t> wanted = {images, shape.channels, shape.height, shape.width};
  DDPM_CHECK(array.shape == wanted && images > 0, "predict: --input must have the shape [N, ",
             shape.channels, ", ", shape.height, ", ", shape.width, "] with N at least 1, got ",
             shape_text(array.shape));
  Batch batch(shape);
  std::copy(values.begin(), values.end(), batch.values().begin());
  const auto bad = first_not_finite(batch);
  DDPM_CHECK(!bad, "predict: --input: expected finite values, but ", *bad);
  return batch;
}

// The timesteps that the network itself has: those of its table, or any that a process can have.
std::vector<Timestep> input_timesteps(const NpyArray& array, const UNetConfig& unet, int64_t images,
                                      const std::string& name) {
  const int64_t count = unet.learned_times > 0 ? unet.learned_times : Schedule::kMaxSteps;
  const std::vector<int64_t> wanted = {images};
  DDPM_CHECK(array.shape == wanted, "predict: --timesteps must have the shape [", images,
             "], one an image, got ", shape_text(array.shape));
  std::vector<Timestep> timesteps;
  for (const int64_t index : npy_integers(array, "predict: " + name)) {
    DDPM_CHECK(index >= 0 && index<count, "predict: --timesteps must lie in [0, ", count - 1, "], ",
                                   unet.learned_times> 0
                   ? "which the network has learned"
                   : "the network's own",
               ", got ", index, " at index ", timesteps.size());
    timesteps.push_back({index});
  }
  return timesteps;
}

}  // namespace

PredictResult predict(const PredictRequest& request, const TorchHooks& hooks, const Watch& watch) {
  const BareNetwork model = open_bare_network("predict", request.model, hooks, watch);
  const Batch x = input_batch(request.input, model.unet, request.input_name);
  const auto timesteps =
      input_timesteps(request.timesteps, model.unet, x.images(), request.timesteps_name);
  begin(watch, describe(model, request.model));
  BatchShape shape = x.shape();
  shape.channels = model.unet.output_channels();
  PredictResult result{Batch(shape)};
  in_slices(model.network, model.network->max_useful_batch())
      ->predict({x, timesteps}, result.output);
  if (const auto bad = first_not_finite(result.output)) {
    throw NotFinite(concat("predict: expected finite outputs of the network, but ", *bad,
                           "; nothing was written"));
  }
  return result;
}

}  // namespace ddpm
