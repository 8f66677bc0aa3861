#include <nlohmann/json.hpp>

#include "ddpm/training/preview.h"
#include "ddpm/training/run_previews_internal.h"

namespace ddpm {

namespace {

Json numbers_of(const PreviewReport& report) {
  Json numbers;
  for (const ChannelDrift& drift : report.drifts) {
    numbers["data_mean"] = drift.data_mean;
    numbers[drift.weights] = {{"mean", drift.mean}, {"warning", drift.warning}};
    if (!drift.not_finite.empty()) numbers[drift.weights]["not_finite"] = drift.not_finite;
  }
  return numbers;
}

}  // namespace

bool RunPreviews::is_due() const {
  const int64_t step = learner_.counters().steps;
  return are_on() && step > 0 && step % learner_.config().sample_every == 0 && !is_made();
}

Json RunPreviews::make(const std::function<bool()>& goes_on) {
  const auto watch = [&](double images, int64_t of) {
    if (observer_.previewing) observer_.previewing(images, of);
    return goes_on();
  };
  const auto report = write_preview(learner_, dataset_, folder_, watch, files_);
  if (!report) return nullptr;
  made_at_ = learner_.counters().steps;
  for (const ChannelDrift& drift : report->drifts) {
    if (drift.warning && observer_.log) observer_.log(drift_warning(drift));
  }
  return numbers_of(*report);
}

}  // namespace ddpm
