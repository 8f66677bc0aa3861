// `ddpm plan`: the cost of a configuration, measured on one step of it.

#include "ddpm/cli/plan_job.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>

#include "ddpm/base/available_memory.h"
#include "ddpm/base/check.h"
#include "ddpm/base/process_memory.h"
#include "ddpm/base/text.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/threads.h"
#include "ddpm/training/learner.h"
#include "ddpm/training/run.h"
#include "ddpm/unet/parameters.h"
#include "ddpm/unet/work.h"

namespace ddpm {

namespace {

// A large step is measured on fewer images and then scaled: 128 of them may take a minute.
constexpr double kLargestMeasuredCost = 4e10;  // multiply-adds of the images of a forward pass
constexpr double kMeasuringSeconds = 3.0;      // the steps of so long are averaged
constexpr int64_t kLargestSuggestion = 128;

struct Measurement {
  int64_t images = 0;            // in the step
  double seconds = 0.0;          // of it
  double call_seconds = 0.0;     // of the network alone, without gradient
  int64_t activation_bytes = 0;  // an image
};

Batch first_images(const Dataset& dataset, int64_t count) {
  BatchShape shape = dataset.image_shape();
  shape.images = count;
  Batch batch(shape);
  for (int64_t i = 0; i < count; ++i) {
    dataset.read(i % dataset.size(), /*flip=*/false, batch.image(i));
  }
  return batch;
}

double seconds_of(const std::function<void()>& work, double at_least) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  int64_t times = 0;
  std::chrono::duration<double> took{0.0};
  do {
    work();
    ++times;
    took = Clock::now() - began;
  } while (took.count() < at_least);
  return took.count() / static_cast<double>(times);
}

// Steps are timed for `at_least` seconds, and one at least.
Measurement measure(const TrainConfig& config, const UNetConfig& unet, const Dataset& dataset,
                    const LearnerFactory& make_learner, double at_least) {
  const auto affordable =
      static_cast<int64_t>(kLargestMeasuredCost / static_cast<double>(count_multiply_adds(unet)));
  Measurement measured;
  measured.images = std::clamp<int64_t>(affordable, 1, config.batch_size);
  const std::unique_ptr<Learner> learner = make_learner(config, unet);
  const Batch one = first_images(dataset, 1);
  const Batch several = first_images(dataset, measured.images);
  learner->step(one, 0);  // allocates what stays: gradients and the kernels' own memory
  const int64_t before = resident_bytes();
  reset_peak_memory();
  learner->step(several, 1);
  measured.activation_bytes = std::max<int64_t>(0, peak_memory_bytes() - before) / measured.images;
  int64_t sample = 1;
  measured.seconds = seconds_of(
      [&] {
        learner->step(several, sample);
        sample += measured.images;
      },
      at_least);
  const NetworkPointer network = learner->network(WeightSet::kRaw);
  const std::vector<Timestep> timesteps(static_cast<size_t>(measured.images), Timestep{0});
  Batch output({measured.images, unet.output_channels(), unet.height, unet.width});
  measured.call_seconds = seconds_of(
      [&] {
        network->predict({several, timesteps}, output);
      },
      at_least / 3.0);
  return measured;
}

// Weights, gradients, both moments, the average, and a copy of all while a checkpoint is written.
int64_t state_bytes(const UNetConfig& unet) {
  return count_parameters(unet) * static_cast<int64_t>(sizeof(float)) * 5;
}

int64_t suggested_batch(const Measurement& measured, int64_t state, int64_t memory) {
  const int64_t room = memory / 2 - state;
  int64_t batch = 1;
  while (batch * 2 <= kLargestSuggestion &&
         batch * 2 * std::max<int64_t>(measured.activation_bytes, 1) <= room) {
    batch *= 2;
  }
  return batch;
}

double step_seconds(const TrainConfig& config, const Measurement& measured) {
  return measured.seconds * static_cast<double>(config.batch_size) /
         static_cast<double>(measured.images);
}

double preview_seconds(const TrainConfig& config, const Measurement& measured) {
  const double calls = static_cast<double>(std::min(config.sample_steps, config.T)) *
                       static_cast<double>(config.sample_count) /
                       static_cast<double>(measured.images);
  return measured.call_seconds * calls;
}

std::string preview_line(const TrainConfig& config, const Measurement& measured) {
  if (config.sample_every == 0) return "";
  return concat("a preview         ", readable_duration(preview_seconds(config, measured)), " for ",
                config.sample_count, " images in ", std::min(config.sample_steps, config.T),
                " steps, every ", with_thousands(config.sample_every),
                " training steps; twice as much at first\n");
}

// With the previews on the way, each counted twice, and the one at the end.
int64_t steps_that_fit(const TrainConfig& config, const Measurement& measured, double seconds) {
  double step = step_seconds(config, measured);
  if (config.sample_every > 0) {
    const double preview = 2.0 * preview_seconds(config, measured);
    step += preview / static_cast<double>(config.sample_every);
    seconds -= preview;
  }
  return std::max<int64_t>(1, static_cast<int64_t>(seconds / step));
}

std::string text_of(const TrainConfig& config, const UNetConfig& unet,
                    const Measurement& measured) {
  const double step = step_seconds(config, measured);
  const int64_t state = state_bytes(unet);
  const int64_t memory = available_memory_bytes();
  const int64_t activations = measured.activation_bytes * config.batch_size;
  std::ostringstream out;
  out << "multiply-adds     " << with_thousands(count_multiply_adds(unet)) << " an image, forward\n"
      << "state             " << readable_bytes(state)
      << ": weights, gradients, two moments, average\n"
      << "activations       " << readable_bytes(measured.activation_bytes) << " an image, "
      << readable_bytes(activations) << " at batch " << config.batch_size << " (measured at "
      << measured.images << ")\n"
      << "memory            " << readable_bytes(state + activations) << " of "
      << readable_bytes(memory) << " that are free\n"
      << "a step            " << readable_duration(step)
      << " (measured: " << readable_duration(measured.seconds) << " for " << measured.images
      << " images)\n"
      << "the run           " << readable_duration(step * static_cast<double>(config.steps))
      << " for " << with_thousands(config.steps) << " steps\n"
      << preview_line(config, measured) << "suggested batch   "
      << suggested_batch(measured, state, memory) << '\n';
  return out.str();
}

}  // namespace

std::string summary_lines(const TrainConfig& config, const UNetConfig& unet, const Dataset& dataset,
                          const TrainingDevice& device) {
  const double epochs =
      static_cast<double>(config.steps * config.batch_size) / static_cast<double>(dataset.size());
  std::vector<int64_t> widths;
  for (const UNetLevel& level : unet.levels) widths.push_back(level.channels);
  std::ostringstream out;
  out << "network           U-Net, " << with_thousands(count_parameters(unet)) << " parameters; "
      << "levels of " << join(widths, ", ") << " channels, " << unet.height << "x" << unet.width
      << "x" << unet.image_channels << "\n"
      << "process           " << to_string(config.schedule) << " schedule, T = " << config.T
      << ", predicts " << to_string(config.prediction) << ", variance "
      << to_string(config.variance) << ", loss " << loss_text(config) << "\n"
      << "training          " << with_thousands(config.steps) << " steps of " << config.batch_size
      << " images" << (config.data.empty() ? "" : " (" + readable_epochs(epochs) + ")") << ", "
      << name_of(kPrecisions, config.precision) << " on " << device.name << ", " << device.threads
      << (device.threads == 1 ? " thread\n" : " threads\n");
  return out.str();
}

std::string cost_lines(const TrainConfig& config, const UNetConfig& unet, const Dataset& dataset,
                       const TrainingDevice& device) {
  return text_of(config, unet,
                 measure(config, unet, dataset, device.make_learner, /*at_least=*/0.0));
}

// The data of the configuration; without any, one blank image of its size, which costs as much.
Dataset plan_data(const TrainConfig& config, int64_t threads) {
  if (!config.data.empty()) {
    DataOptions options = data_options(config);
    options.threads = threads;
    Dataset dataset = open_dataset_watched(options);
    std::cout << dataset.report().lines();
    return dataset;
  }
  std::cout << "data: none was named; planned for images of " << config.height << "x"
            << config.width << ", " << config.channels << " channels\n";
  Image blank{config.height, config.width, config.channels, 8, {}};
  blank.samples.resize(static_cast<size_t>(config.height * config.width * config.channels), 255);
  return make_dataset({blank});
}

int run_plan(const TrainRequest& request, const TorchHooks& hooks) {
  const TrainConfig& config = request.config;
  warn_of_too_many_threads("plan", config.threads);
  const TrainingDevice device = hooks.open_training("plan", config.device, config.threads);
  const Dataset dataset = plan_data(config, device.threads);
  const UNetConfig unet = network_for(config, dataset);
  std::cout << summary_lines(config, unet, dataset, device) << std::flush;
  const Measurement measured =
      measure(config, unet, dataset, device.make_learner, kMeasuringSeconds);
  std::cout << text_of(config, unet, measured);
  if (request.fit_seconds > 0.0) {
    std::cout << "steps that fit    " << steps_that_fit(config, measured, request.fit_seconds)
              << " in " << readable_duration(request.fit_seconds) << '\n';
  }
  std::cout << "nothing was trained and nothing written\n" << request.next << std::endl;
  return 0;
}

}  // namespace ddpm
