// `ddpm inpaint`: what could stand where something is missing of an image.

#include <algorithm>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/picture_job.h"
#include "ddpm/jobs/mask.h"
#include "ddpm/sampling/repaint.h"
#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

constexpr int64_t kMostFillings = int64_t{1} << 20;  // of one image
constexpr int64_t kDefaultSteps = 250;               // as the paper has it

struct InpaintFlags {
  PictureFlags picture;
  std::string data;
  std::vector<int64_t> images;
  std::string mask;
  std::string fill;
  RepaintOptions repaint;
  int64_t count = 4;
};

std::shared_ptr<InpaintFlags> declare(Flags& flags) {
  auto values = std::make_shared<InpaintFlags>();
  declare_picture_out(flags, values->picture,
                      "the picture to write: a row an image, what is known of it, its fillings");
  flags.text("--data", values->data, "SPEC", "an image file, or " + std::string(kDataForms));
  declare_max_bad_files(flags, values->picture.max_bad_files);
  flags.integers("--images", values->images, "the numbers of the images; none: the first one");
  flags.text("--mask", values->mask, "FILE.png",
             "white where the image is known, black or transparent where it is to be filled in");
  flags.text("--fill", values->fill, kFillForms, "instead of --mask: what is to be filled in");
  flags.integer("--count", values->count, "how many fillings of each image", 1, 100);
  flags.integer("--jump-length", values->repaint.jump_length,
                "how many steps of the chain a jump goes back up", 1);
  flags.integer("--resamplings", values->repaint.resamplings,
                "how often each part of the way is gone: 1 is fast and patchy", 1, 1000);
  declare_picture_rest(flags, values->picture,
                       "reverse steps of a way without jumps; 0: 250, but at most T");
  return values;
}

JobFiles checked_files(const InpaintFlags& flags) {
  JobFiles files = picture_files("inpaint", flags.picture);
  require_given("inpaint", "--data", flags.data, kDataForms);
  DDPM_CHECK(flags.mask.empty() != flags.fill.empty(),
             "inpaint: wanted either --mask or --fill, got ",
             flags.mask.empty() ? "neither" : "both");
  add_data(files, "--data", flags.data);
  files.reads("--mask", flags.mask);
  files.check();
  return files;
}

Chain chain_of_inpaint(const InpaintFlags& flags, const Model& model) {
  SamplerFlags sampler = flags.picture.sampler;
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
Batch fillings(const InpaintFlags& flags, const std::vector<int64_t>& numbers, ConstBatchView x0,
               const std::vector<uint8_t>& known, Walker& walker) {
  const auto seed = static_cast<uint64_t>(flags.picture.seed);
  const Model& model = walker.model();
  const std::vector<int64_t>& times = walker.chain().times;
  Batch images(model.shape(std::ssize(numbers) * flags.count));
  std::vector<int64_t> indices;
  for (size_t n = 0; n < numbers.size(); ++n) {
    for (int64_t k = 0; k < flags.count; ++k) {
      const std::span<const float> image = x0.image(static_cast<int64_t>(n));
      std::copy(image.begin(), image.end(), images.image(std::ssize(indices)).begin());
      indices.push_back(numbers[n] * kMostFillings + k);
    }
  }
  Batch x(images.shape());
  fill_initial_noise(seed, indices, x);
  RepaintOptions options = flags.repaint;
  options.sampler = walker.chain().options;
  const auto moves = repaint_moves(std::ssize(times) - 1, flags.repaint);
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

Picture picture_of(const InpaintFlags& flags, const std::vector<int64_t>& numbers,
                   ConstBatchView x0, const std::vector<uint8_t>& known, ConstBatchView filled) {
  Picture picture;
  picture.columns = {"original", "known"};
  for (int64_t k = 0; k < flags.count; ++k) picture.columns.push_back(concat("filled ", k));
  for (int64_t n = 0; n < x0.images(); ++n) {
    picture.rows.push_back(concat("image ", numbers[static_cast<size_t>(n)]));
    picture.cells.push_back(image_of(x0, n));
    picture.cells.push_back(masked(x0, n, known));
    for (int64_t k = 0; k < flags.count; ++k) {
      picture.cells.push_back(image_of(filled, n * flags.count + k));
    }
  }
  return picture;
}

int run_inpaint(const InpaintFlags& flags, const TorchHooks& hooks) {
  const JobFiles files = checked_files(flags);
  const Model model = open_model("inpaint", flags.picture.model, hooks);
  const UNetConfig& unet = model.config.unet;
  const Chain chain = chain_of_inpaint(flags, model);
  const std::vector<uint8_t> known =
      flags.mask.empty() ? mask_of_fill("inpaint: --fill", flags.fill, unet.height, unet.width)
                         : mask_of_file("inpaint: --mask", flags.mask, unet.height, unet.width);
  std::cout << files.shown("--out") << '\n' << describe(model, flags.picture.model) << std::endl;
  catch_stop_signals();
  const auto single = lock_single("inpaint", flags.picture);
  const std::vector<int64_t> numbers =
      flags.images.empty() ? std::vector<int64_t>{0} : flags.images;
  const Batch x0 = read_model_images("inpaint", flags.picture, flags.data, numbers, model);
  Walker walker(model, chain, flags.picture.batch_size, std::ssize(numbers) * flags.count);
  const Batch filled = fillings(flags, numbers, x0, known, walker);
  walker.finish();
  PngText text = picture_text("inpaint", flags.picture, model, chain);
  text["images"] = flags.data + " " + join(numbers, ",");
  text["mask"] = flags.mask.empty() ? flags.fill : flags.mask;
  text["jump length"] = std::to_string(flags.repaint.jump_length);
  text["resamplings"] = std::to_string(flags.repaint.resamplings);
  write_picture(files, flags.picture, picture_of(flags, numbers, x0, known, filled), text);
  NextCommand next(hooks.program, "reconstruct");
  add_model_flags(next, flags.picture.model);
  next.flag("--data", flags.data)
      .flag_unless(kMaxBadFiles, "--max-bad-files", flags.picture.max_bad_files)
      .flag("--images", join(numbers, ","))
      .flag("--out", "reconstruct.png");
  std::cout << counted(std::ssize(numbers), "image") << ", " << counted(flags.count, "filling")
            << " each, " << std::count(known.begin(), known.end(), uint8_t{0}) << " of "
            << known.size() << " pixels filled in\n"
            << next.line() << std::endl;
  return 0;
}

}  // namespace

Command inpaint_command() {
  return {.name = "inpaint",
          .summary = "fill in what is missing of an image, by RePaint",
          .example =
              "ddpm inpaint --checkpoint runs/clothes --data fashion-mnist --images 0,1 "
              "--fill right --out inpaint.png",
          .needs_torch = false,
          .declare = [](Flags& flags) -> Action {
            return [values = declare(flags)](const TorchHooks& hooks) {
              return run_inpaint(*values, hooks);
            };
          }};
}

}  // namespace ddpm
