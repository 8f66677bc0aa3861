// What the commands that show what a model does to given images, or to one noise, share: the images
// they begin with, chains walked in batches, one labelled picture at the end.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/sampling_job.h"
#include "ddpm/formats/image.h"
#include "ddpm/jobs/job_lock.h"
#include "ddpm/terminal/job_files.h"
#include "ddpm/terminal/progress.h"

namespace ddpm {

struct PictureFlags {
  ModelFlags model;
  SamplerFlags sampler;
  std::string out;
  std::string single;
  double max_bad_files = kMaxBadFiles;  // of the commands that read data
  int64_t seed = 0;
  int64_t batch_size = 16;
};

// --checkpoint and its companions and --out, then, behind what is the command's own, the rest.
void declare_picture_out(Flags& flags, PictureFlags& values, const std::string& what);
void declare_picture_rest(Flags& flags, PictureFlags& values,
                          const std::string& steps_help = kStepsHelp);

// The files that all of these commands have. Throws InvalidArgument unless --checkpoint and --out
// are given. The command adds its own inputs, then calls check().
JobFiles picture_files(const std::string& command, const PictureFlags& flags);

// The lock of --single's folder, if there is one: to be held while the picture is made. Throws as
// JobLock does.
std::optional<JobLock> lock_single(const std::string& command, const PictureFlags& flags);

// The job as its PNG tells it, to which a command adds what is its own.
PngText picture_text(const std::string& command, const PictureFlags& flags, const Model& model,
                     const Chain& chain);

// Images `numbers` of the data at the model's size and channels, cut to fit; prints what the data
// had. Throws InvalidArgument for a number outside of the data.
Batch read_model_images(const std::string& command, const PictureFlags& flags,
                        const std::string& spec, const std::vector<int64_t>& numbers,
                        const Model& model, int64_t at_least = 0);

// Image i of a batch, 8 bits.
Image image_of(ConstBatchView x, int64_t i);

// The numbers first, first + 1, ..
std::vector<int64_t> numbers_from(int64_t first, int64_t count);

// t, and the times of the chain below it: a chain that begins at t. t in [1, T].
std::vector<int64_t> times_from(const std::vector<int64_t>& times, int64_t t);

// Throws InvalidArgument "command: --flag ..", unless each of the times is in [least, T].
void check_noise_times(const std::string& command, const std::string& flag,
                       const std::vector<int64_t>& times, int64_t least, int64_t T);

// What is seen of a step: which image of all is the first one of its batch, and the step.
using BatchObserver = std::function<void(int64_t first, const SampleStep& step)>;

// Chains of many images, in batches, with one progress bar for all that a command does.
class Walker {
 public:
  // `images` is how many images will be taken up or down, each way counted once.
  Walker(const Model& model, const Chain& chain, int64_t batch_size, int64_t images);

  // Takes x through `times` down to 0.
  void down(std::span<const int64_t> times, const NoiseSource& noise,
            std::span<const int64_t> indices, BatchView x, const BatchObserver& observer = {});

  // Calls `walk` for each batch: which images, and what to call after each of `steps` steps. What a
  // signal stops is given up by Stopped.
  using Tick = std::function<void()>;
  using BatchWalk = std::function<void(int64_t first, int64_t count, const Tick& tick)>;
  void in_batches(int64_t images, int64_t steps, const BatchWalk& walk);

  void finish() { progress_.erase(); }
  const Model& model() const { return model_; }
  const Chain& chain() const { return chain_; }

 private:
  const Model& model_;
  const Chain& chain_;
  int64_t batch_size_;
  Progress progress_;
  double done_ = 0.0;
};

// The noise with which x0 is taken to times.front(): by --encode q that of the seed, standard
// normal and a function of index and time; by ddim what DDIM's inversion through the times makes.
Batch encoded_noise(Walker& walker, const std::string& encode, uint64_t seed,
                    std::span<const int64_t> times, std::span<const int64_t> indices,
                    ConstBatchView x0);

// A picture of equal images, row by row.
struct Picture {
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  std::vector<Image> cells;
};

// Writes --out and, if asked for, each cell as --single/row-column.png.
void write_picture(const JobFiles& files, const PictureFlags& flags, const Picture& picture,
                   const PngText& text);

}  // namespace ddpm
