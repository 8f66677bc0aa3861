#include "ddpm/training/learner_progress.h"

#include <algorithm>
#include <cmath>

#include "ddpm/base/check.h"
#include "ddpm/training/ema_decay.h"

namespace ddpm {

namespace {

constexpr const char* kHistoryLosses = "loss_history";
constexpr const char* kHistoryCounts = "loss_history_counts";

}  // namespace

LearnerProgress::LearnerProgress(const TrainConfig& config) : config_(checked(config, "learner")) {
  if (config.timestep_sampling == TimestepSampling::kImportance) history_.emplace(config.T);
}

TrainingTimes LearnerProgress::draw_times(int64_t first_sample, int64_t count) const {
  const auto seed = static_cast<uint64_t>(config_.seed);
  if (history_) return important_times(*history_, seed, first_sample, count);
  TrainingTimes times;
  for (int64_t i = 0; i < count; ++i) {
    times.t.push_back(training_time(config_.timestep_sampling, seed, first_sample + i, config_.T));
  }
  return times;
}

LearnerProgress::Begun LearnerProgress::begin(int64_t first_sample, int64_t images) const {
  TrainingTimes times = draw_times(first_sample, images);
  Begun begun;
  begun.weights = std::move(times.weights);
  begun.report.t = std::move(times.t);
  begun.report.step = counters_.steps + 1;
  begun.report.learning_rate = learning_rate_at(config_, counters_.steps);
  begun.report.ema_decay = ema_decay_at(config_.ema_rule, config_.ema_decay, counters_.ema_updates);
  return begun;
}

bool LearnerProgress::end(StepReport& report) {
  ++counters_.steps;
  if (history_) keep_losses(report);
  if (!std::isfinite(report.loss)) {
    report.not_finite = "loss";
  } else if (!std::isfinite(report.gradient_norm)) {
    report.not_finite = "gradient";
  }
  if (!report.not_finite.empty()) {
    ++counters_.skipped_updates;
    ++counters_.bad_in_a_row;
    return false;
  }
  counters_.bad_in_a_row = 0;
  ++counters_.optimizer_updates;
  ++counters_.ema_updates;
  return true;
}

void LearnerProgress::keep_losses(const StepReport& report) {
  const auto is_finite = [](double loss) { return std::isfinite(loss); };
  if (!std::ranges::all_of(report.image_losses, is_finite)) return;
  for (size_t i = 0; i < report.t.size(); ++i) history_->add(report.t[i], report.image_losses[i]);
}

CarriedNumbers LearnerProgress::carried() const {
  if (!history_) return {};
  return {{kHistoryLosses, history_->losses()}, {kHistoryCounts, history_->counts()}};
}

void LearnerProgress::restore(const LearnerCounters& counters, const CarriedNumbers& carried) {
  if (history_) {
    const auto losses = carried.find(kHistoryLosses);
    const auto counts = carried.find(kHistoryCounts);
    if (losses == carried.end() || counts == carried.end()) {
      throw FormatError("resume: the checkpoint has no losses to draw times by");
    }
    history_->restore(losses->second, counts->second);
  }
  counters_ = counters;
}

double gradient_scale(const TrainConfig& config, double gradient_norm) {
  const bool clips = config.gradient_clip > 0.0 && gradient_norm > config.gradient_clip;
  return clips ? config.gradient_clip / gradient_norm : 1.0;
}

}  // namespace ddpm
