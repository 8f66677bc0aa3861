#include "ddpm/data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "ddpm/base/check.h"
#include "ddpm/data/workers_internal.h"
#include "ddpm/random/stream.h"

namespace ddpm {
namespace {

using Order = std::vector<int64_t>;

// The order of the images in each epoch, made once for all workers that are in it. Safe to use from
// several threads.
class EpochOrders {
 public:
  EpochOrders(uint64_t seed, int64_t size) : seed_(seed), size_(size) {}

  std::shared_ptr<const Order> get(int64_t epoch) {
    const std::lock_guard lock(mutex_);
    auto& order = orders_[epoch];
    if (order == nullptr) {
      const Stream stream{seed_, Purpose::kShuffle, static_cast<uint64_t>(epoch)};
      order = std::make_shared<const Order>(permutation(stream, size_));
    }
    auto result = order;
    while (orders_.size() > kKept) orders_.erase(orders_.begin());  // made again if asked for
    return result;
  }

 private:
  static constexpr size_t kKept = 3;

  uint64_t seed_;
  int64_t size_;
  std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<const Order>> orders_;
};

bool is_flipped(uint64_t seed, int64_t sample) {
  uint64_t word = 0;
  fill_words(Stream{seed, Purpose::kFlip, static_cast<uint64_t>(sample)}, std::span(&word, 1));
  return word >> 63 == 1;
}

void check_options(const LoaderOptions& options) {
  DDPM_CHECK(options.batch_size >= 1, "loader: wanted a batch of at least 1 image, got ",
             options.batch_size);
  DDPM_CHECK(options.first_sample >= 0, "loader: wanted a first sample of at least 0, got ",
             options.first_sample);
  DDPM_CHECK(options.workers >= 1 && options.queue >= 1,
             "loader: wanted at least 1 worker and a queue of at least 1, got ", options.workers,
             " and ", options.queue);
}

}  // namespace

struct Loader::State {
  struct Made {
    LoadedBatch batch;
    std::exception_ptr failure;  // in its place, if there is one
  };

  State(const Dataset& data, const LoaderOptions& given)
      : dataset(data), options(given), orders(given.seed, data.size()) {}

  const Dataset dataset;
  const LoaderOptions options;
  EpochOrders orders;

  std::mutex mutex;  // of all below
  std::condition_variable changed;
  std::map<int64_t, Made> made;  // by number, not yet taken
  int64_t next_to_make = 0;      // number of the first batch that nobody has begun
  int64_t next_to_take = 0;
  bool stopping = false;

  double seconds_waited = 0.0;  // of the thread that takes
  ThreadGroup threads;          // last, so that it is joined first

  void stop() {
    const std::lock_guard lock(mutex);
    stopping = true;
    changed.notify_all();
  }

  bool is_stopping() {
    const std::lock_guard lock(mutex);
    return stopping;
  }

  // The number of a batch to make, or -1 if there is to be none.
  int64_t begin_batch() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return stopping || next_to_make < next_to_take + options.queue; });
    return stopping ? -1 : next_to_make++;
  }

  void end_batch(int64_t number, Made result) {
    const std::lock_guard lock(mutex);
    made.emplace(number, std::move(result));
    changed.notify_all();
  }

  LoadedBatch make_batch(int64_t number) {
    BatchShape shape = dataset.image_shape();
    shape.images = options.batch_size;
    LoadedBatch batch;
    batch.images = Batch(shape);
    batch.first_sample = options.first_sample + number * options.batch_size;
    int64_t epoch = -1;
    std::shared_ptr<const Order> order;
    for (int64_t i = 0; i < shape.images && !is_stopping(); ++i) {
      const int64_t sample = batch.first_sample + i;
      if (sample / dataset.size() != epoch) {
        epoch = sample / dataset.size();
        order = orders.get(epoch);
      }
      const int64_t index = (*order)[static_cast<size_t>(sample % dataset.size())];
      const bool flip = options.flip && is_flipped(options.seed, sample);
      dataset.read(index, flip, batch.images.image(i));
      batch.image_indices.push_back(index);
    }
    return batch;
  }

  void work() {
    for (int64_t number = begin_batch(); number >= 0; number = begin_batch()) {
      Made result;
      try {
        result.batch = make_batch(number);
      } catch (...) {
        result.failure = std::current_exception();
      }
      end_batch(number, std::move(result));
    }
  }
};

int64_t default_loader_workers(int64_t cores) {
  constexpr int64_t kMaxWorkers = 8;
  return std::clamp<int64_t>(cores / 2, 1, kMaxWorkers);
}

Loader::Loader(const Dataset& dataset, const LoaderOptions& options) {
  check_options(options);
  state_ = std::make_unique<State>(dataset, options);
  try {
    for (int64_t i = 0; i < options.workers; ++i) {
      state_->threads.add([state = state_.get()] { state->work(); });
    }
  } catch (...) {
    state_->stop();
    throw;
  }
}

Loader::~Loader() { state_->stop(); }

LoadedBatch Loader::next() {
  State& state = *state_;
  const auto began = std::chrono::steady_clock::now();
  std::unique_lock lock(state.mutex);
  state.changed.wait(lock, [&] { return state.made.count(state.next_to_take) > 0; });
  const auto waited = std::chrono::steady_clock::now() - began;
  state.seconds_waited += std::chrono::duration<double>(waited).count();
  const auto found = state.made.find(state.next_to_take);
  if (found->second.failure != nullptr) std::rethrow_exception(found->second.failure);
  LoadedBatch batch = std::move(found->second.batch);
  state.made.erase(found);
  ++state.next_to_take;
  state.changed.notify_all();
  return batch;
}

double Loader::seconds_waited() const { return state_->seconds_waited; }

}  // namespace ddpm
