// Batches for training, made ahead of their use by worker threads.
//
// The training samples of a run are numbered: g = 0, 1, 2, .. Sample g belongs to epoch g / size;
// within an epoch every image comes once, in the order permutation(Stream{seed, kShuffle, epoch});
// with `flip` it is mirrored if the top bit of the first word of Stream{seed, kFlip, g} is set. So
// a sample is a function of (data, seed, g), and neither batch size, workers nor a resumed run
// change it.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ddpm/base/batch.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

struct LoaderOptions {
  uint64_t seed = 0;
  int64_t batch_size = 1;
  bool flip = false;         // mirror half of the samples
  int64_t first_sample = 0;  // g of the first sample: where a run goes on
  int64_t workers = 1;       // threads
  int64_t queue = 4;         // batches made ahead, at least 1; no more than `queue` workers work
};

// Half of the usable cores (base/cores.h), from 1 to 8: what the images' decoding may take beside
// the training.
int64_t default_loader_workers(int64_t cores);

struct LoadedBatch {
  Batch images;                        // [batch_size, C, H, W], in [-1, 1]
  std::vector<int64_t> image_indices;  // of the dataset, one an image
  int64_t first_sample = 0;            // g of the first image; the others follow it
};

// Has threads of its own. next() and seconds_waited() are for one thread at a time.
class Loader {
 public:
  // Throws InvalidArgument for an option out of its range.
  Loader(const Dataset& dataset, const LoaderOptions& options);
  ~Loader();  // ends the workers, within the time that one image takes
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The next batch; waits if none is ready. What a worker threw is thrown here, when its batch is
  // next, and by every later call.
  LoadedBatch next();

  double seconds_waited() const;  // inside next(), in all

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ddpm
