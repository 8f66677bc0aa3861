// What the jobs that show what a model does to given images, or to one noise, share: the images
// they begin with, chains walked in batches, one labelled picture at the end.

#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ddpm/base/names.h"
#include "ddpm/formats/image.h"
#include "ddpm/formats/png.h"
#include "ddpm/jobs/data.h"
#include "ddpm/jobs/model.h"
#include "ddpm/jobs/sampler_request.h"
#include "ddpm/jobs/watch.h"

namespace ddpm {

struct PictureRequest {
  ModelRequest model = {};
  SamplerRequest sampler = {};
  double max_bad_files = kMaxBadFiles;  // in [0, 1], of the jobs that read data
  int64_t seed = 0;                     // of the noise, at least 0
  int64_t batch_size = 16;              // images made together, at least 1; changes speed only
};

// A picture of equal images, row by row.
struct Picture {
  std::vector<std::string> rows;     // labels; none: the rows have none
  std::vector<std::string> columns;  // labels, one per column
  std::vector<Image> cells;          // [rows * columns]
  PngText text = {};                 // the settings of the job that made it
};

// How images are taken to time t.
enum class Encoding {
  kForward,  // by the closed form q(x_t | x_0)
  kDdim,     // by DDIM inversion
};

inline constexpr std::array<Named<Encoding>, 2> kEncodings = {{
    {Encoding::kForward, "q"},
    {Encoding::kDdim, "ddim"},
}};
inline std::string to_string(Encoding encoding) { return name_of(kEncodings, encoding); }

// The picture as one image, with its labels.
Image layout_of(const Picture& picture);

// Each cell as FOLDER/row-column.png; makes the folder. Returns how many files it replaced. Throws
// IoError.
int64_t write_cells(const std::filesystem::path& folder, const Picture& picture);

// The names of write_cells are nobody's choice, so it has to replace nothing but cells of an
// earlier picture. Throws InvalidArgument "command: --single: .." if it would.
void check_cells(const std::string& command, const std::filesystem::path& folder);

// The job as its PNG describes it, to which a job adds what is its own.
PngText picture_text(const std::string& command, const PictureRequest& request, const Model& model,
                     const Chain& chain);

// Images `numbers` of the data at the model's size and channels, cut to fit; notes what the data
// had. Throws InvalidArgument for a number outside of the data, or fewer images than `at_least`.
Batch read_model_images(const std::string& command, const PictureRequest& request,
                        const std::string& spec, const std::vector<int64_t>& numbers,
                        const Model& model, const Watch& watch, int64_t at_least = 0);

// Image i of a batch, 8 bits.
Image image_of(ConstBatchView x, int64_t i);

// The numbers first, first + 1, ..
std::vector<int64_t> numbers_from(int64_t first, int64_t count);

// T n / 8 for each n of the eighths, in [0, 8]: a time, so at least 1, except for n = 0.
std::vector<int64_t> times_of_eighths(int64_t T, std::span<const int64_t> eighths);

// t, and the times of the chain below it: a chain that begins at t. t in [1, T].
std::vector<int64_t> times_from(const std::vector<int64_t>& times, int64_t t);

// Throws InvalidArgument "command: --flag ..", unless each of the times is in [least, T].
void check_noise_times(const std::string& command, const std::string& flag,
                       const std::vector<int64_t>& times, int64_t least, int64_t T);

// What is seen of a step: which image of all is the first one of its batch, and the step.
using BatchObserver = std::function<void(int64_t first, const SampleStep& step)>;

// Chains of many images, in batches, with one progress for all that a job does.
class Walker {
 public:
  // `images` is how many images will be taken up or down, each way counted once. The arguments have
  // to outlive the walker.
  Walker(const Model& model, const Chain& chain, const Watch& watch, int64_t batch_size,
         int64_t images);

  // Takes x through `times` down to 0.
  void down(std::span<const int64_t> times, const NoiseSource& noise,
            std::span<const int64_t> indices, BatchView x, const BatchObserver& observer = {});

  // Calls `walk` for each batch: which images, and what to call after each of `steps` steps, which
  // throws Stopped.
  using Tick = std::function<void()>;
  using BatchWalk = std::function<void(int64_t first, int64_t count, const Tick& tick)>;
  void in_batches(int64_t images, int64_t steps, const BatchWalk& walk);

  const Model& model() const { return model_; }
  const Chain& chain() const { return chain_; }

 private:
  void report(double done);

  const Model& model_;
  const Chain& chain_;
  const Watch& watch_;
  int64_t batch_size_;
  int64_t images_;
  double done_ = 0.0;
};

// The noise with which x0 is taken to times.front(): by kForward that of the seed, standard normal
// and a function of index and time; by kDdim what DDIM's inversion through the times makes.
Batch encoded_noise(Walker& walker, Encoding encoding, uint64_t seed,
                    std::span<const int64_t> times, std::span<const int64_t> indices,
                    ConstBatchView x0);

}  // namespace ddpm
