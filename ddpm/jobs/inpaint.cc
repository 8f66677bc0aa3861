#include "ddpm/jobs/inpaint.h"

#include <algorithm>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/jobs/mask.h"

namespace ddpm {

namespace {

constexpr int64_t kMaxFillings = int64_t{1} << 20;  // of one image
constexpr int64_t kDefaultSteps = 250;              // as the paper has it

Chain chain_of_inpaint(const InpaintRequest& request, const Model& model) {
  SamplerRequest sampler = request.picture.sampler;
  const bool named = sampler.steps > 0 || !sampler.times.empty() || !sampler.respacing.empty();
  if (!named) sampler.steps = std::min(kDefaultSteps, model.config.schedule.T);
  Chain chain = chain_of("inpaint", sampler, model.config);
  check_repaint_sampler(chain.options, model.predictor.schedule(), chain.times);
  return chain;
}

// The image with the unknown pixels half gray.
Image masked(ConstBatchView x0, int64_t i, const std::vector<uint8_t>& known) {
  constexpr uint16_t kHalf = 128;
  Image image = image_of(x0, i);
  for (size_t pixel = 0; pixel < known.size(); ++pixel) {
    if (known[pixel] != 0) continue;
    std::fill_n(image.samples.begin() + static_cast<std::ptrdiff_t>(pixel) * image.channels,
                image.channels, kHalf);
  }
  return image;
}

// The fillings, `count` of each image behind each other. Filling k of image n has the noise of
// n 2^20 + k, whatever else is filled in.
Batch fillings(const InpaintRequest& request, const std::vector<int64_t>& numbers,
               ConstBatchView x0, const std::vector<uint8_t>& known, Walker& walker) {
  const auto seed = static_cast<uint64_t>(request.picture.seed);
  const Model& model = walker.model();
  const std::vector<int64_t>& times = walker.chain().times;
  Batch images(model.shape(std::ssize(numbers) * request.count));
  std::vector<int64_t> indices;
  for (size_t n = 0; n < numbers.size(); ++n) {
    for (int64_t k = 0; k < request.count; ++k) {
      const std::span<const float> image = x0.image(static_cast<int64_t>(n));
      std::copy(image.begin(), image.end(), images.image(std::ssize(indices)).begin());
      indices.push_back(numbers[n] * kMaxFillings + k);
    }
  }
  Batch x(images.shape());
  fill_initial_noise(seed, indices, x);
  RepaintOptions options = request.repaint;
  options.sampler = walker.chain().options;
  const auto moves = repaint_moves(std::ssize(times) - 1, request.repaint);
  const auto steps = std::count_if(moves.begin(), moves.end(),
                                   [](const RepaintMove& move) { return move.to > move.from; });
  walker.in_batches(x.images(), steps, [&](int64_t first, int64_t count, const Walker::Tick& tick) {
    const auto part =
        std::span(indices).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
    run_repaint(model.predictor, times, options, {images.view().slice(first, count), known}, seed,
                part, x.view().slice(first, count), [&](const SampleStep&) { tick(); });
  });
  return x;
}

Picture picture_of(const InpaintRequest& request, const std::vector<int64_t>& numbers,
                   ConstBatchView x0, const std::vector<uint8_t>& known, ConstBatchView filled) {
  Picture picture;
  picture.columns = {"original", "known"};
  for (int64_t k = 0; k < request.count; ++k) picture.columns.push_back(concat("filled ", k));
  for (int64_t n = 0; n < x0.images(); ++n) {
    picture.rows.push_back(concat("image ", numbers[static_cast<size_t>(n)]));
    picture.cells.push_back(image_of(x0, n));
    picture.cells.push_back(masked(x0, n, known));
    for (int64_t k = 0; k < request.count; ++k) {
      picture.cells.push_back(image_of(filled, n * request.count + k));
    }
  }
  return picture;
}

}  // namespace

void check(const InpaintRequest& request) {
  DDPM_CHECK(request.mask.empty() != request.fill.empty(),
             "inpaint: wanted either --mask or --fill, got ",
             request.mask.empty() ? "neither" : "both");
}

InpaintResult inpaint(const InpaintRequest& request, const TorchHooks& hooks, const Watch& watch) {
  check(request);
  const Model model = open_model("inpaint", request.picture.model, hooks, watch);
  const UNetConfig& unet = model.config.unet;
  const Chain chain = chain_of_inpaint(request, model);
  InpaintResult result;
  result.known = request.mask.empty()
                     ? mask_of_fill("inpaint: --fill", request.fill, unet.height, unet.width)
                     : mask_of_file("inpaint: --mask", request.mask, unet.height, unet.width);
  begin(watch, describe(model, request.picture.model));
  result.numbers = request.images.empty() ? std::vector<int64_t>{0} : request.images;
  const Batch x0 =
      read_model_images("inpaint", request.picture, request.data, result.numbers, model, watch);
  Walker walker(model, chain, watch, request.picture.batch_size,
                std::ssize(result.numbers) * request.count);
  const Batch filled = fillings(request, result.numbers, x0, result.known, walker);
  result.picture = picture_of(request, result.numbers, x0, result.known, filled);
  PngText& text = result.picture.text;
  text = picture_text("inpaint", request.picture, model, chain);
  text["images"] = request.data + " " + join(result.numbers, ",");
  text["mask"] = request.mask.empty() ? request.fill : request.mask;
  text["jump length"] = std::to_string(request.repaint.jump_length);
  text["resamplings"] = std::to_string(request.repaint.resamplings);
  return result;
}

}  // namespace ddpm
