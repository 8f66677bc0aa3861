// What a run reports: the lines of its log, and those for a person.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/checkpoints/state.h"
#include "ddpm/config/train_config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/loader.h"
#include "ddpm/training/interval.h"
#include "ddpm/training/learner.h"
#include "ddpm/training/pace.h"
#include "ddpm/training/run.h"

namespace ddpm {

// Lines of metrics.jsonl; docs/run_folder.md lists their keys.
Json start_line(const Dataset& dataset, const UNetConfig& unet);
Json resume_line(int64_t step, int64_t steps, const std::vector<std::string>& passed_over);
Json skipped_line(const StepReport& report, const LoadedBatch& batch);
Json metrics_line(const Interval& interval, const StepReport& report, const TrainConfig& config,
                  const Pace::Numbers& pace, double seconds);
Json end_line(int64_t step, const std::string& reason);

// The reason in the last line of a run that ended so.
std::string reason_of(RunEnd end);

// For a person.
std::string resumed_text(const TrainingState& state, const TrainConfig& config);
std::string skipped_text(const StepReport& report);
std::string not_finite_text(const StepReport& report, int64_t bad_in_a_row,
                            const std::optional<int64_t>& saved_step);

}  // namespace ddpm
