#include "ddpm/cli/train_job.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/plan_job.h"
#include "ddpm/cli/threads.h"
#include "ddpm/data/source.h"
#include "ddpm/terminal/next_command.h"
#include "ddpm/terminal/progress.h"
#include "ddpm/terminal/signals.h"
#include "ddpm/terminal/standard_output.h"
#include "ddpm/training/resume.h"
#include "ddpm/training/run.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;

std::string loss_text(double loss) {
  if (!std::isfinite(loss)) return "";
  char text[32];
  std::snprintf(text, sizeof(text), "loss %.4f", loss);
  return text;
}

// The bar of the steps, and in its place that of a preview while one is made.
struct Bars {
  std::unique_ptr<Progress> training;
  std::unique_ptr<Progress> preview;

  void log(const std::string& line) {
    Progress* bar = preview ? preview.get() : training.get();
    if (bar != nullptr) return bar->print(line);
    std::cout << line << std::endl;
  }

  void step(int64_t step, int64_t steps, double loss) {
    if (!training) training = std::make_unique<Progress>("training", "steps", steps, step);
    training->update(static_cast<double>(step), loss_text(loss));
  }

  void previewing(double images, int64_t of) {
    if (!preview) {
      if (training) training->erase();
      preview = std::make_unique<Progress>("preview", "images", of, 0);
    }
    if (images < static_cast<double>(of)) return preview->update(images);
    preview->erase();
    preview.reset();
  }
};

RunObserver observer_for(Bars& bars) {
  RunObserver observer;
  observer.log = [&bars](const std::string& line) { bars.log(line); };
  observer.progress = [&bars](int64_t step, int64_t steps, double loss) {
    bars.step(step, steps, loss);
  };
  observer.previewing = [&bars](double images, int64_t of) { bars.previewing(images, of); };
  observer.stop = stop_requested;
  return observer;
}

void print_end(RunEnd end, const RunRequest& request, const std::string& program) {
  const fs::path& run = request.run;
  const TrainConfig& config = request.config;
  if (end == RunEnd::kStopped && stop_signal() == 0) {
    throw IoError(
        concat("train: cannot write to standard output: ", std::strerror(standard_output_error()),
               "; training was stopped with a complete checkpoint: ddpm train --resume ",
               shell_word(run.string()), " goes on"));
  }
  if (end == RunEnd::kStopped) {
    std::cout << "stopped by a signal; the checkpoint is complete\n";
  } else if (end == RunEnd::kTimeLimit) {
    std::cout << "the time limit of " << readable_duration(config.time_limit) << " is reached\n";
  }
  if (end == RunEnd::kDone) {
    NextCommand next(program, "sample");
    next.flag("--checkpoint", run.string())
        .flag("--out", (run / "images").string())
        .flag("--sampler", "ddim")
        .flag("--steps", std::min<int64_t>(50, config.T));
    std::cout << next.line() << std::endl;
  } else {
    std::cout << NextCommand(program, "train").flag("--resume", run.string()).line() << std::endl;
  }
}

}  // namespace

int run_train(const TrainRequest& request, const TorchHooks& hooks) {
  RunRequest run;
  run.run = fs::absolute(request.run).lexically_normal();
  run.resume = request.resume;
  run.allow_other_data = request.allow_other_data;
  run.config = request.resume
                   ? check_resume(read_run_config(run.run), request.config, request.given_keys)
                   : request.config;
  // the run has to find its data again from wherever it is resumed
  if (fs::exists(run.config.data)) {
    run.config.data = fs::absolute(run.config.data).lexically_normal().string();
  }
  check_train_config(run.config, "train");
  if (run.resume) check_apart_from_data("train: --resume: ", run.run, run.config.data);
  run.steps_given = std::ranges::count(request.given_keys, "steps") > 0;
  run.began = request.began;
  if (run.resume && is_finished(run.run, run.config)) {
    // nothing is learned from them any more, but a wrong path is not ignored
    if (std::ranges::count(request.given_keys, "data") > 0) open_source(data_options(run.config));
    std::cout << run.run.string() << "\nfinished: all of its " << with_thousands(run.config.steps)
              << " steps are done; --steps with a larger number goes on\n";
    print_end(RunEnd::kDone, run, request.program);
    return 0;
  }
  std::cout << run.run.string() << std::endl;

  warn_of_too_many_threads("train", run.config.threads);
  const TrainingDevice device = hooks.open_training("train", run.config.device, run.config.threads);
  DataOptions options = data_options(run.config);
  options.threads = device.threads;
  const Dataset dataset = open_dataset_watched(options);
  std::cout << dataset.report().lines();
  const UNetConfig unet = network_for(run.config, dataset);
  run.config = with_network_of(run.config, unet);
  std::cout << summary_lines(run.config, unet, dataset, device) << std::flush;
  if (!run.resume) std::cout << cost_lines(run.config, unet, dataset, device) << std::flush;

  catch_stop_signals(SlowStop::kFinish);
  Bars bars;
  const RunEnd end = run_training(run, dataset, device.make_learner, observer_for(bars));
  bars = {};
  print_end(end, run, request.program);
  return end == RunEnd::kStopped ? exit_code_of_stop() : 0;
}

}  // namespace ddpm
