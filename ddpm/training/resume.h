// Where a run goes on, and until when.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/checkpoints/store.h"
#include "ddpm/config/train_config.h"
#include "ddpm/runlog/run_log.h"

namespace ddpm {

struct ResumePoint {
  std::optional<std::filesystem::path> checkpoint;  // none: there never was one, so from step 0 on
  std::vector<std::string> passed_over;             // newer ones, why each cannot be used
  int64_t steps = 0;                                // until when
};

// Only reads. `asked` is the configuration to go on with; `steps_given`: its number of steps was
// asked for now, and is not the one in config.json. Throws InvalidArgument if fewer steps are asked
// for than are done, FormatError if there was a checkpoint and none is whole, NewerVersion if the
// newest is of a newer version, and the error of its fault if there is a newer one up to these
// steps with an obstacle_to_saving.
ResumePoint find_resume_point(const std::filesystem::path& run, const TrainConfig& asked,
                              bool steps_given, const CheckpointStore& store);

// Whether all of config.steps are done and saved, the last preview is made and the log has its end,
// so that there is nothing to go on with. Only reads.
bool is_finished(const std::filesystem::path& run, const TrainConfig& config);

// A text for each of the first faults of the log that was read from `path`, and how many more there
// are.
std::vector<std::string> fault_texts(const RunLog& log, const std::filesystem::path& path);

// The step of the last preview that was finished, as the log knows it.
std::optional<int64_t> last_previewed_step(const RunLog& log);

}  // namespace ddpm
