#include "ddpm/training/run.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/run_folder.h"
#include "ddpm/data/loader.h"
#include "ddpm/report/loss_plot.h"
#include "ddpm/report/run_log.h"
#include "ddpm/training/interval.h"
#include "ddpm/training/preview.h"
#include "ddpm/training/snapshot.h"

namespace ddpm {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Whatever the cadence: the first checkpoint comes after at most so long, so that little is lost.
constexpr double kFirstCheckpointSeconds = 300.0;
constexpr double kLossMemory = 0.98;  // of the loss that is shown with the progress

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
  Run(const RunRequest& request, const Dataset& dataset, at::Device device,
      const RunObserver& observer, FileLayer& files)
      : request_(request),
        config_(request.config),
        dataset_(dataset),
        observer_(observer),
        files_(files),
        store_(request.run, files),
        log_((prepare_run_folder(request.run, files), request.run / "metrics.jsonl"), files),
        trainer_(config_, network_config(), device) {
    if (request.resume) {
      resume();
    } else {
      if (!config_.init_from.empty()) warm_start();
      write_run_config(request_.run, config_, files_);
      log_.append({{"kind", "start"},
                   {"data_fingerprint", dataset_.fingerprint()},
                   {"data_images", dataset_.size()},
                   {"parameters", count_parameters(network_config())}});
    }
    loader_ = std::make_unique<Loader>(dataset_, loader_options(config_, trainer_.steps_done()));
  }

  RunEnd train() {
    if (preview_is_due()) preview_of_the_cadence(kUntilTheEnd);  // which was given up before
    std::optional<RunEnd> early = reason_to_end();
    while (!early && trainer_.steps_done() < config_.steps) {
      one_step();
      early = reason_to_end();
    }
    const bool complete = trainer_.steps_done() == config_.steps;
    return finish(complete && early != RunEnd::kStopped ? RunEnd::kDone : *early);
  }

 private:
  UNetConfig network_config() const {
    const BatchShape shape = dataset_.image_shape();
    return unet_config_of(config_, shape.channels, shape.height, shape.width);
  }

  void warm_start() {
    for (const std::string& line : begin_from(config_.init_from, trainer_)) {
      say("begins with " + config_.init_from + ": " + line);
    }
  }

  bool stopped() const { return observer_.stop && observer_.stop(); }

  std::optional<RunEnd> reason_to_end() const {
    if (stopped()) return RunEnd::kStopped;
    if (config_.time_limit > 0.0 && seconds_since(began_) >= config_.time_limit) {
      return RunEnd::kTimeLimit;
    }
    return std::nullopt;
  }

  void say(const std::string& line) const {
    if (observer_.say) observer_.say(line);
  }

  void resume() {
    const NewestCheckpoint newest = store_.newest_valid();
    Json passed_over = Json::array();
    for (const UnusableCheckpoint& one : newest.passed_over) {
      if (one.fault == CheckpointFault::kNewerVersion) throw_fault("resume", one, "");
      say("passed over: " + fault_text(one));
      passed_over.push_back(fault_text(one));
    }
    DDPM_CHECK(newest.path, "resume: ", request_.run.string(),
               " has no checkpoint that is whole; nothing to go on from");
    const TrainingState state = restore_snapshot(*newest.path, trainer_);
    DDPM_CHECK(request_.allow_other_data || state.data_fingerprint == dataset_.fingerprint(),
               "resume: ", config_.data, " is not the data that the run began with (fingerprint ",
               dataset_.fingerprint().substr(0, 12), ", wanted ",
               state.data_fingerprint.substr(0, 12), "); --allow-other-data goes on all the same");
    interval_.restore(state.carried);
    saved_step_ = state.step;
    first_step_ = state.step;
    Json line = {{"kind", "resume"}, {"step", state.step}, {"steps", config_.steps}};
    if (!passed_over.empty()) line["passed_over"] = passed_over;
    log_.append(line);
    previewed_step_ = last_previewed_step();
    say(concat("resumed at step ", state.step, " of ", config_.steps, ": ", state.ema_updates,
               " EMA updates, learning rate ",
               shortest(learning_rate_at(config_, std::min(state.step, config_.steps - 1)))));
  }

  void one_step() {
    const LoadedBatch batch = loader_->next();
    const StepReport report = trainer_.step(batch.images, batch.first_sample);
    interval_.add(report, config_.T);
    if (!report.not_finite.empty()) report_bad_step(report, batch);
    const int64_t step = trainer_.steps_done();
    if (step % config_.log_every == 0) write_metrics(report);
    if (preview_is_due()) preview_of_the_cadence(kUntilTheEnd);
    if (save_is_due(step)) save();
    if (std::isfinite(report.loss)) {
      shown_loss_ =
          shown_loss_ ? kLossMemory * *shown_loss_ + (1 - kLossMemory) * report.loss : report.loss;
    }
    if (observer_.look) observer_.look(trainer_);
    if (observer_.progress) observer_.progress(step, config_.steps, shown_loss_.value_or(NAN));
  }

  bool save_is_due(int64_t step) const {
    if (step == config_.steps) return false;  // finish() saves
    if (config_.save_every > 0 && step % config_.save_every == 0) return true;
    return !saved_step_ && seconds_since(began_) > kFirstCheckpointSeconds;
  }

  void report_bad_step(const StepReport& report, const LoadedBatch& batch) {
    log_.append({{"kind", "skipped"},
                 {"step", report.step},
                 {"what", report.not_finite},
                 {"learning_rate", report.learning_rate},
                 {"image_indices", batch.image_indices},
                 {"t", report.t}});
    say(concat("step ", report.step, ": the ", report.not_finite,
               " is not finite; this update is skipped (learning rate ",
               shortest(report.learning_rate), ")"));
    if (trainer_.bad_steps_in_a_row() < config_.max_bad_steps) return;
    log_.append({{"kind", "end"}, {"reason", "not finite"}, {"step", report.step}});
    throw NotFinite(concat("train: the ", report.not_finite, " was not finite in ",
                           trainer_.bad_steps_in_a_row(), " steps in a row, the last ", report.step,
                           " at learning rate ", shortest(report.learning_rate), "; ",
                           saved_step_
                               ? concat("the last good checkpoint is that of step ", *saved_step_)
                               : "there is no checkpoint yet"));
  }

  void write_metrics(const StepReport& report) {
    const double seconds = seconds_since(logged_at_);
    const double waited = loader_->seconds_waited();
    const int64_t steps = trainer_.steps_done() - logged_step_.value_or(first_step_);
    Json line = interval_.numbers();
    line["kind"] = "metrics";
    line["step"] = trainer_.steps_done();
    line["images"] = trainer_.steps_done() * config_.batch_size;
    line["seconds"] = seconds_since(began_);
    line["learning_rate"] = report.learning_rate;
    line["ema_decay"] = report.ema_decay;
    line["images_per_second"] = static_cast<double>(steps * config_.batch_size) / seconds;
    line["waiting_share"] = std::min(1.0, (waited - waited_) / seconds);
    log_.append(line);
    interval_ = Interval();
    logged_at_ = Clock::now();
    logged_step_ = trainer_.steps_done();
    waited_ = waited;
  }

  // The step of the last preview that was finished, as the log knows it.
  std::optional<int64_t> last_previewed_step() const {
    std::optional<int64_t> step;
    for (const Json& line : read_run_log(request_.run / "metrics.jsonl").lines) {
      const bool of_the_end = line["kind"] == "end" && line.value("preview", Json()).is_object();
      if (line["kind"] == "channel_drift" || of_the_end) step = line.value("step", int64_t{0});
    }
    return step;
  }

  bool preview_is_due() const {
    const int64_t step = trainer_.steps_done();
    return config_.sample_every > 0 && step > 0 && step % config_.sample_every == 0 &&
           previewed_step_ != step;
  }

  // What a preview gives way to: the last one of a process to a stop alone.
  enum Patience { kUntilTheEnd, kUntilAStop };

  // The pictures of this step and their line in the log; nothing, and false, if it was given up.
  bool preview_of_the_cadence(Patience patience) {
    Json line = make_preview(patience);
    if (line.is_null()) return false;
    line["kind"] = "channel_drift";
    line["step"] = trainer_.steps_done();
    log_.append(line);
    plot_loss();
    return true;
  }

  // What the log says of a preview's colours, null if it was given up.
  Json make_preview(Patience patience) {
    const auto watch = [&](double images, int64_t of) {
      if (observer_.previewing) observer_.previewing(images, of);
      return patience == kUntilAStop ? !stopped() : !reason_to_end();
    };
    const auto report = write_preview(trainer_, dataset_, request_.run / "samples", watch, files_);
    logged_at_ = Clock::now();  // the pictures are no part of the speed of training
    logged_step_ = trainer_.steps_done();
    if (!report) return nullptr;
    previewed_step_ = trainer_.steps_done();
    Json line;
    for (const ChannelDrift& drift : report->drifts) {
      line["data_mean"] = drift.data_mean;
      line[drift.weights] = {{"mean", drift.mean}, {"warning", drift.warning}};
      if (!drift.not_finite.empty()) line[drift.weights]["not_finite"] = drift.not_finite;
      if (drift.warning) say(drift_warning(drift));
    }
    return line;
  }

  void plot_loss() {
    const RunLog log = read_run_log(request_.run / "metrics.jsonl");
    write_file_whole(request_.run / "loss.png", loss_plot_png(log), files_);
  }

  void save() {
    TrainingState state;
    state.data_fingerprint = dataset_.fingerprint();
    state.data_images = dataset_.size();
    state.carried = interval_.carried();
    log_.sync();  // the lines up to a checkpoint have to outlive whatever the checkpoint outlives
    save_snapshot(trainer_, state, store_, {config_.keep_last, config_.keep_every});
    saved_step_ = trainer_.steps_done();
  }

  RunEnd finish(RunEnd end) {
    if (saved_step_ != trainer_.steps_done()) save();
    Json line = {{"kind", "end"}, {"step", trainer_.steps_done()}};
    // Last, since nothing is lost if it is given up. So a run that ended shows what it can do,
    // whatever its cadence; what is of the cadence is logged as if there had been no end.
    if (end != RunEnd::kStopped && config_.sample_every > 0 &&
        previewed_step_ != trainer_.steps_done()) {
      bool made = false;
      if (preview_is_due()) {
        made = preview_of_the_cadence(kUntilAStop);
      } else {
        line["preview"] = make_preview(kUntilAStop);
        made = !line["preview"].is_null();
      }
      if (!made) end = RunEnd::kStopped;
    }
    line["reason"] = end == RunEnd::kDone        ? "done"
                     : end == RunEnd::kTimeLimit ? "time limit"
                                                 : "stopped";
    log_.append(line);
    plot_loss();
    return end;
  }

  const RunRequest& request_;
  const TrainConfig& config_;
  const Dataset& dataset_;
  const RunObserver& observer_;
  FileLayer& files_;
  CheckpointStore store_;
  RunLogWriter log_;
  Trainer trainer_;
  std::unique_ptr<Loader> loader_;
  Interval interval_;
  std::optional<int64_t> saved_step_;
  std::optional<int64_t> previewed_step_;
  std::optional<double> shown_loss_;
  std::optional<int64_t> logged_step_;
  int64_t first_step_ = 0;  // steps that were done when this process began
  double waited_ = 0.0;
  Clock::time_point began_ = Clock::now();
  Clock::time_point logged_at_ = began_;
};

}  // namespace

RunEnd run_training(const RunRequest& request, const Dataset& dataset, at::Device device,
                    const RunObserver& observer, FileLayer& files) {
  fs::create_directories(request.run);
  const RunLock lock(request.run);
  Run run(request, dataset, device, observer, files);
  return run.train();
}

}  // namespace ddpm
