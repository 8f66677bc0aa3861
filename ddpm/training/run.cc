#include "ddpm/training/run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/data/loader.h"
#include "ddpm/plot/loss_plot.h"
#include "ddpm/runlog/run_log.h"
#include "ddpm/training/interval.h"
#include "ddpm/training/pace.h"
#include "ddpm/training/resume.h"
#include "ddpm/training/run_lines_internal.h"
#include "ddpm/training/run_previews_internal.h"
#include "ddpm/training/snapshot.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Whatever the cadence: the first checkpoint comes after at most so long, so that little is lost.
constexpr double kFirstCheckpointSeconds = 300.0;
constexpr double kLossMemory = 0.98;  // of the loss that is shown with the progress

TrainConfig with_steps(TrainConfig config, int64_t steps) {
  config.steps = steps;
  return config;
}

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

LoaderOptions loader_options(const TrainConfig& config, int64_t steps_done) {
  LoaderOptions options;
  options.seed = static_cast<uint64_t>(config.seed);
  options.batch_size = config.batch_size;
  options.flip = config.flip;
  options.first_sample = steps_done * config.batch_size;
  options.workers = config.loader_threads.value_or(default_loader_workers(usable_cores()));
  options.queue = std::max(options.queue, options.workers + 1);
  return options;
}

// Everything that a run holds while it goes on.
class Run {
 public:
  Run(const RunRequest& request, RunLock& lock, const Dataset& dataset,
      const LearnerFactory& make_learner, const RunObserver& observer, FileLayer& files)
      : request_(request),
        lock_(lock),
        dataset_(dataset),
        observer_(observer),
        files_(files),
        store_(request.run, files),
        point_(resume_point()),
        config_(with_steps(request.config, point_.steps)),
        learner_(make_learner(config_, network_config())),
        previews_(request.run, *learner_, dataset, observer, files) {
    for (const std::string& reason : point_.passed_over) log_line("passed over: " + reason);
    if (point_.checkpoint) {
      resume();
    } else {
      begin();
    }
    loader_ = std::make_unique<Loader>(dataset_, loader_options(config_, steps_done()));
  }

  RunEnd train() {
    if (previews_.is_due()) preview_of_the_cadence(kUntilTheEnd);  // which was given up before
    std::optional<RunEnd> early = reason_to_end();
    while (!early && steps_done() < config_.steps) {
      one_step();
      early = reason_to_end();
    }
    const bool complete = steps_done() >= config_.steps;
    return finish(complete && early != RunEnd::kStopped ? RunEnd::kDone : *early);
  }

 private:
  UNetConfig network_config() const { return network_for(request_.config, dataset_); }

  void warm_start() {
    for (const std::string& line : begin_from(config_.init_from, *learner_)) {
      log_line("begins with " + config_.init_from + ": " + line);
    }
  }

  int64_t steps_done() const { return learner_->counters().steps; }

  bool stopped() const { return observer_.stop && observer_.stop(); }

  std::optional<RunEnd> reason_to_end() const {
    if (stopped()) return RunEnd::kStopped;
    if (config_.time_limit > 0.0 && seconds_since(request_.began) >= config_.time_limit) {
      return RunEnd::kTimeLimit;
    }
    return std::nullopt;
  }

  void log_line(const std::string& line) const {
    if (observer_.log) observer_.log(line);
  }

  // What every save would report again.
  void log_once(const std::string& line) {
    if (logged_.insert(line).second) log_line(line);
  }

  void prepare_folder() const {
    for (const std::string& line : prepare_run_folder(request_.run, files_)) log_line(line);
    store_.check_room(config_.steps, network_config());
  }

  // Until here nothing was locked, so another process may have changed the number of steps.
  ResumePoint resume_point() const {
    TrainConfig asked = request_.config;
    if (!request_.resume) return {.checkpoint = {}, .passed_over = {}, .steps = asked.steps};
    if (!request_.steps_given) asked.steps = read_run_config(request_.run).steps;
    return find_resume_point(request_.run, asked, request_.steps_given, store_);
  }

  // The first file is config.json, which makes the folder a run: `train --resume` then does the
  // rest, whatever happens here.
  void begin() {
    const fs::path log = request_.run / "metrics.jsonl";
    const bool again = request_.resume;
    if (again) check_data_of_the_log(read_run_log(log));
    if (!config_.init_from.empty()) warm_start();
    keep_config();
    prepare_folder();
    log_.emplace(log, files_);
    if (again && !read_run_log(log).lines.empty()) {
      log_->append(resume_line(0, config_.steps, {}));
    } else {
      log_->append(start_line(dataset_, network_config()));
    }
    if (again) log_line("there was no checkpoint yet: the run begins again at step 0");
  }

  // Of a new run all of it; of one that goes on the number of steps, which may have been changed.
  void keep_config() {
    lock_.sign();
    TrainConfig kept = request_.resume ? read_run_config(request_.run) : config_;
    if (request_.resume && kept.steps == config_.steps) return;
    kept.steps = config_.steps;
    write_run_config(request_.run, kept, files_);
  }

  void check_data(const std::string& fingerprint) const {
    DDPM_CHECK(request_.allow_other_data || fingerprint == dataset_.fingerprint(),
               "train: --resume: ", config_.data,
               " is not the data that the run began with: expected the fingerprint ",
               fingerprint.substr(0, 12), ", got ", dataset_.fingerprint().substr(0, 12),
               "; --allow-other-data goes on all the same");
  }

  void check_data_of_the_log(const RunLog& log) const {
    for (const Json& line : log.lines) {
      const Json known = line.value("data_fingerprint", Json());
      if (line["kind"] == "start" && known.is_string()) check_data(known.get<std::string>());
    }
  }

  void resume() {
    const TrainingState state = restore_snapshot(*point_.checkpoint, *learner_);
    check_data(state.data_fingerprint);
    interval_.restore(state.carried);
    saved_step_ = state.step;
    keep_config();
    prepare_folder();
    const fs::path path = request_.run / "metrics.jsonl";
    log_.emplace(path, files_);
    log_->append(resume_line(state.step, config_.steps, point_.passed_over));
    const RunLog log = read_run_log(path);
    for (const std::string& fault : fault_texts(log, path)) log_line("passed over: " + fault);
    previews_.restore(last_previewed_step(log));
    log_line(resumed_text(state, config_));
  }

  LoadedBatch next_batch() {
    try {
      return loader_->next();
    } catch (const Error& error) {
      end_without_data(error.what());
    }
  }

  // Data that cannot be read any more: the steps that are done are kept, as by a stop.
  [[noreturn]] void end_without_data(const std::string& reason) {
    const int64_t step = steps_done();
    try {
      if (saved_step_ != step) save();
    } catch (const Error& error) {
      throw IoError(
          concat("train: ", reason, "; step ", step, " could not be saved: ", error.what()));
    }
    log_->append(end_line(step, "data"));
    throw IoError(concat("train: ", reason,
                         "; training was stopped with a complete checkpoint of step ", step,
                         ": ddpm train --resume ", shell_word(request_.run.string()), " goes on"));
  }

  void one_step() {
    const LoadedBatch batch = next_batch();
    const StepReport report = learner_->step(batch.images, batch.first_sample);
    interval_.add(report, config_.T);
    pace_.step();
    if (!report.not_finite.empty()) report_bad_step(report, batch);
    const int64_t step = steps_done();
    if (step % config_.log_every == 0) write_metrics(report);
    if (previews_.is_due()) preview_of_the_cadence(kUntilTheEnd);
    if (save_is_due(step)) save();
    if (std::isfinite(report.loss)) {
      shown_loss_ =
          shown_loss_ ? kLossMemory * *shown_loss_ + (1 - kLossMemory) * report.loss : report.loss;
    }
    if (observer_.on_step) observer_.on_step(*learner_);
    if (observer_.progress) observer_.progress(step, config_.steps, shown_loss_.value_or(NAN));
  }

  bool save_is_due(int64_t step) const {
    if (step == config_.steps) return false;  // finish() saves
    if (config_.save_every > 0 && step % config_.save_every == 0) return true;
    return !saved_step_ && seconds_since(began_) > kFirstCheckpointSeconds;
  }

  void report_bad_step(const StepReport& report, const LoadedBatch& batch) {
    log_->append(skipped_line(report, batch));
    log_line(skipped_text(report));
    const int64_t bad_in_a_row = learner_->counters().bad_in_a_row;
    if (bad_in_a_row < config_.max_bad_steps) return;
    log_->append(end_line(report.step, "not finite"));
    throw NotFinite(not_finite_text(report, bad_in_a_row, saved_step_));
  }

  void write_metrics(const StepReport& report) {
    const Pace::Numbers pace = pace_.take(loader_->seconds_waited());
    log_->append(metrics_line(interval_, report, config_, pace, seconds_since(request_.began)));
    interval_ = Interval();
  }

  // What a preview gives way to: the last one of a process to a stop alone.
  enum Patience { kUntilTheEnd, kUntilAStop };

  // The pictures of this step and their line in the log; nothing, and false, if it was given up.
  bool preview_of_the_cadence(Patience patience) {
    const Pace::Pause pause(pace_);
    Json line = make_preview(patience);
    if (line.is_null()) return false;
    line["kind"] = "channel_drift";
    line["step"] = steps_done();
    log_->append(line);
    plot_loss();
    return true;
  }

  Json make_preview(Patience patience) {
    return previews_.make([&] { return patience == kUntilAStop ? !stopped() : !reason_to_end(); });
  }

  void plot_loss() {
    const RunLog log = read_run_log(request_.run / "metrics.jsonl");
    write_file_whole(request_.run / "loss.png", loss_plot_png(log), files_);
  }

  void save() {
    const Pace::Pause pause(pace_);
    TrainingState state;
    state.data_fingerprint = dataset_.fingerprint();
    state.data_images = dataset_.size();
    state.carried = interval_.carried();
    log_->sync();  // the lines up to a checkpoint have to outlive whatever the checkpoint outlives
    save_snapshot(*learner_, state, store_, {config_.keep_last, config_.keep_every},
                  [this](const std::string& line) { log_once(line); });
    saved_step_ = steps_done();
  }

  RunEnd finish(RunEnd end) {
    if (saved_step_ != steps_done()) save();
    Json line = end_line(steps_done(), "");
    // Last, since nothing is lost if it is given up. So a run that ended shows what it can do,
    // whatever its cadence; what is of the cadence is logged as if there had been no end.
    if (end != RunEnd::kStopped && previews_.are_on() && !previews_.is_made()) {
      bool made = false;
      if (previews_.is_due()) {
        made = preview_of_the_cadence(kUntilAStop);
      } else {
        line["preview"] = make_preview(kUntilAStop);
        made = !line["preview"].is_null();
      }
      if (!made) end = RunEnd::kStopped;
    }
    line["reason"] = reason_of(end);
    log_->append(line);
    plot_loss();
    return end;
  }

  const RunRequest& request_;
  RunLock& lock_;
  const Dataset& dataset_;
  const RunObserver& observer_;
  FileLayer& files_;
  CheckpointStore store_;
  const ResumePoint point_;
  const TrainConfig config_;
  std::optional<RunLogWriter> log_;  // once the folder is a run
  const std::unique_ptr<Learner> learner_;
  RunPreviews previews_;
  std::unique_ptr<Loader> loader_;
  Interval interval_;
  std::optional<int64_t> saved_step_;
  std::optional<double> shown_loss_;
  std::set<std::string> logged_;
  Clock::time_point began_ = Clock::now();
  Pace pace_;
};

}  // namespace

UNetConfig network_for(const TrainConfig& config, const Dataset& dataset) {
  const BatchShape shape = dataset.image_shape();
  return unet_config_of(config, shape.channels, shape.height, shape.width);
}

RunEnd run_training(const RunRequest& request, const Dataset& dataset,
                    const LearnerFactory& make_learner, const RunObserver& observer,
                    FileLayer& files) {
  if (!request.resume) {
    check_run_is_new(request.run);  // before the lock is made in a folder that is not ours ...
    fs::create_directories(request.run);
  }
  RunLock lock(request.run);
  if (!request.resume) {
    check_run_is_new(request.run, &lock);  // ... and now that nobody else can change it
    lock.sign();
  } else if (is_finished(request.run, request.config)) {
    return RunEnd::kDone;
  }
  Run run(request, lock, dataset, make_learner, observer, files);
  return run.train();
}

}  // namespace ddpm
