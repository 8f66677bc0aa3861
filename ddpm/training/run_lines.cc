#include <algorithm>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/training/run_lines_internal.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

Json start_line(const Dataset& dataset, const UNetConfig& unet) {
  return {{"kind", "start"},
          {"data_fingerprint", dataset.fingerprint()},
          {"data_images", dataset.size()},
          {"parameters", count_parameters(unet)}};
}

Json resume_line(int64_t step, int64_t steps, const std::vector<std::string>& passed_over) {
  Json line = {{"kind", "resume"}, {"step", step}, {"steps", steps}};
  if (!passed_over.empty()) line["passed_over"] = passed_over;
  return line;
}

Json skipped_line(const StepReport& report, const LoadedBatch& batch) {
  return {{"kind", "skipped"},
          {"step", report.step},
          {"what", report.not_finite},
          {"learning_rate", report.learning_rate},
          {"image_indices", batch.image_indices},
          {"t", report.t}};
}

Json metrics_line(const Interval& interval, const StepReport& report, const TrainConfig& config,
                  const Pace::Numbers& pace, double seconds) {
  Json line = interval.numbers();
  line["kind"] = "metrics";
  line["step"] = report.step;
  line["images"] = report.step * config.batch_size;
  line["seconds"] = seconds;
  line["learning_rate"] = report.learning_rate;
  line["ema_decay"] = report.ema_decay;
  line["images_per_second"] = pace.steps_per_second * static_cast<double>(config.batch_size);
  line["waiting_share"] = pace.waiting_share;
  return line;
}

Json end_line(int64_t step, const std::string& reason) {
  return {{"kind", "end"}, {"reason", reason}, {"step", step}};
}

std::string reason_of(RunEnd end) {
  switch (end) {
    case RunEnd::kDone:
      return "done";
    case RunEnd::kTimeLimit:
      return "time limit";
    case RunEnd::kStopped:
      break;
  }
  return "stopped";
}

std::string resumed_text(const TrainingState& state, const TrainConfig& config) {
  return concat("resumed at step ", state.step, " of ", config.steps, ": ", state.ema_updates,
                " EMA updates, learning rate ",
                shortest(learning_rate_at(config, std::min(state.step, config.steps - 1))));
}

std::string skipped_text(const StepReport& report) {
  return concat("step ", report.step, ": the ", report.not_finite,
                " is not finite; this update is skipped (learning rate ",
                shortest(report.learning_rate), ")");
}

std::string not_finite_text(const StepReport& report, int64_t bad_in_a_row,
                            const std::optional<int64_t>& saved_step) {
  return concat("train: the ", report.not_finite, " was not finite in ", bad_in_a_row,
                " steps in a row, the last ", report.step, " at learning rate ",
                shortest(report.learning_rate), "; ",
                saved_step ? concat("the last good checkpoint is that of step ", *saved_step)
                           : "there is no checkpoint yet");
}

}  // namespace ddpm
