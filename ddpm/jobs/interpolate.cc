#include "ddpm/jobs/interpolate.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr std::array<int64_t, 6> kDefaultEighths = {0, 1, 2, 4, 6, 8};  // of T: the times to mix at

// The two images, and their numbers, which their noise is drawn by.
struct Ends {
  Batch x0;
  std::vector<int64_t> numbers;
};

Ends read_ends(const InterpolateRequest& request, const Model& model, const Watch& watch) {
  Ends ends{Batch(model.shape(2)), {0, 1}};
  if (!request.data.empty()) {
    if (!request.images.empty()) ends.numbers = request.images;
    const bool two_of_any = request.images.empty();
    ends.x0 = read_model_images("interpolate", request.picture, request.data, ends.numbers, model,
                                watch, two_of_any ? 2 : 0);
    return ends;
  }
  const std::string* files[2] = {&request.from, &request.to};
  for (int64_t i = 0; i < 2; ++i) {
    const Batch one =
        read_model_images("interpolate", request.picture, *files[i], {0}, model, watch);
    std::copy(one.values().begin(), one.values().end(), ends.x0.image(i).begin());
  }
  return ends;
}

double lambda_of(const InterpolateRequest& request, int64_t point) {
  return static_cast<double>(point) / static_cast<double>(request.points - 1);
}

// The images between the two, mixed at t and taken down to 0.
Batch row_at(const InterpolateRequest& request, const Ends& ends, int64_t t, Walker& walker) {
  const auto seed = static_cast<uint64_t>(request.picture.seed);
  const std::vector<int64_t> times = times_from(walker.chain().times, t);
  Batch eps(ends.x0.shape());  // of time 0: none
  if (t > 0) {
    const std::vector<int64_t> indices = {ends.numbers[0],
                                          ends.numbers[request.shared_noise ? 0 : 1]};
    eps = encoded_noise(walker, request.encoding, seed, times, indices, ends.x0);
  }
  Batch x(walker.model().shape(request.points));
  for (int64_t p = 0; p < request.points; ++p) {
    interpolate(walker.model().predictor.schedule().level(t), request.mix, lambda_of(request, p),
                {ends.x0.view().image(0), eps.view().image(0)},
                {ends.x0.view().image(1), eps.view().image(1)}, x.image(p));
  }
  if (t == 0) return x;
  // one noise for the whole row, that of the first image, so that lambda alone makes the difference
  const std::vector<int64_t> indices(static_cast<size_t>(request.points), ends.numbers[0]);
  walker.down(times, step_noise(seed), indices, x);
  return x;
}

Picture picture_of(const InterpolateRequest& request, const Ends& ends,
                   const std::vector<int64_t>& at, Walker& walker) {
  Picture picture;
  picture.columns.emplace_back("source");
  for (int64_t p = 0; p < request.points; ++p) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3g", lambda_of(request, p));
    picture.columns.push_back(concat("λ = ", text));
  }
  picture.columns.emplace_back("source");
  for (const int64_t t : at) {
    const Batch row = row_at(request, ends, t, walker);
    picture.rows.push_back(concat("t = ", t));
    picture.cells.push_back(image_of(ends.x0, 0));
    for (int64_t p = 0; p < request.points; ++p) picture.cells.push_back(image_of(row, p));
    picture.cells.push_back(image_of(ends.x0, 1));
  }
  return picture;
}

PngText text_of(const InterpolateRequest& request, const Ends& ends, const Model& model,
                const Chain& chain, const std::vector<int64_t>& at) {
  PngText text = picture_text("interpolate", request.picture, model, chain);
  text["images"] = request.data.empty() ? request.from + " " + request.to
                                        : request.data + " " + join(ends.numbers, ",");
  text["at"] = join(at, ",");
  text["mix"] = to_string(request.mix);
  text["encode"] = to_string(request.encoding);
  text["noise"] = request.shared_noise ? "shared" : "independent";
  return text;
}

}  // namespace

void check(const InterpolateRequest& request) {
  const bool named = !request.from.empty() || !request.to.empty();
  DDPM_CHECK(named != !request.data.empty(),
             "interpolate: wanted either --data or --from and --to, got ",
             named ? "both" : "neither");
  if (named) {
    DDPM_CHECK(!request.from.empty() && !request.to.empty(),
               "interpolate: --from and --to belong together, got one of them");
    DDPM_CHECK(request.images.empty(), "interpolate: --images belongs to --data");
  }
  const std::vector<int64_t>& images = request.images;
  DDPM_CHECK(images.empty() || (images.size() == 2 && images[0] != images[1]),
             "interpolate: --images: wanted two different numbers, got ", join(images, ","));
  DDPM_CHECK(request.encoding == Encoding::kForward || !request.shared_noise,
             "interpolate: --noise shared belongs to --encode q");
}

InterpolateResult interpolate(const InterpolateRequest& request, const TorchHooks& hooks,
                              const Watch& watch) {
  check(request);
  const Model model = open_model("interpolate", request.picture.model, hooks, watch);
  const int64_t T = model.config.schedule.T;
  const Chain chain = chain_of("interpolate", request.picture.sampler, model.config);
  const std::vector<int64_t> at =
      request.at.empty() ? times_of_eighths(T, kDefaultEighths) : request.at;
  check_noise_times("interpolate", "--at", at, 0, T);
  begin(watch, describe(model, request.picture.model));
  const Ends ends = read_ends(request, model, watch);
  const int64_t encoded = request.encoding == Encoding::kDdim ? 2 : 0;
  const auto rows = std::count_if(at.begin(), at.end(), [](int64_t t) { return t > 0; });
  Walker walker(model, chain, watch, request.picture.batch_size, rows * (request.points + encoded));
  InterpolateResult result{picture_of(request, ends, at, walker), ends.numbers, at};
  result.picture.text = text_of(request, ends, model, chain, at);
  return result;
}

}  // namespace ddpm
