#include "ddpm/training/resume.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/checkpoints/checkpoint.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

// Whether the log shows that a checkpoint was written at some time.
bool shows_a_checkpoint(const RunLog& log, const TrainConfig& config) {
  return std::ranges::any_of(log.lines, [&](const Json& line) {
    const int64_t step = log_step(line);
    if (line["kind"] == "resume" && step > 0) return true;
    if (line["kind"] == "end" && line.value("reason", Json()) != "not finite") return true;
    return config.save_every > 0 && step > config.save_every;
  });
}

// Config.json keeps the number of steps that was asked for last; before it did, only the
// checkpoints of a run that was extended had it.
int64_t steps_of(const fs::path& run, const TrainConfig& asked, bool given,
                 const TrainingState& state) {
  if (asked.steps >= state.step) return asked.steps;
  DDPM_CHECK(!given, "train: --steps: expected at least ", state.step, ", which ",
             shell_word(run.string()), " has done, got ", asked.steps);
  return std::max(state.config.steps, state.step);
}

// What cannot be read or is of others stays where it is, so its step could not be saved again: that
// is known before the steps up to it are made.
void check_can_save_again(const UnusableCheckpoint& checkpoint, int64_t steps) {
  const int64_t step = parse_int(checkpoint.path.filename().string()).value_or(0);
  const auto obstacle = step > steps ? std::nullopt : obstacle_to_saving(checkpoint);
  if (obstacle)
    throw_fault(concat("train: --resume: cannot save step ", step, " again"), *obstacle, "");
}

}  // namespace

ResumePoint find_resume_point(const fs::path& run, const TrainConfig& asked, bool steps_given,
                              const CheckpointStore& store) {
  const NewestCheckpoint newest = store.newest_valid();
  ResumePoint point{.checkpoint = newest.path, .passed_over = {}, .steps = asked.steps};
  for (const UnusableCheckpoint& one : newest.passed_over) {
    if (one.fault == CheckpointFault::kNewerVersion) throw_fault("train: --resume", one, "");
    point.passed_over.push_back(fault_text(one));
  }
  if (point.checkpoint) {
    point.steps = steps_of(run, asked, steps_given, read_training_state(*point.checkpoint));
    for (const UnusableCheckpoint& one : newest.passed_over) {
      check_can_save_again(one, point.steps);
    }
    return point;
  }
  const std::string who = concat("train: --resume: ", run.string());
  if (!point.passed_over.empty()) {
    throw FormatError(concat(
        who, ": expected a checkpoint that is whole, got none: ", join(point.passed_over, "; ")));
  }
  if (shows_a_checkpoint(read_run_log(run / "metrics.jsonl"), asked)) {
    throw FormatError(concat(who,
                             ": expected a checkpoint, as its log shows that one was written, "
                             "got none; put it back into ",
                             (run / "checkpoints").string(), ", or train anew in another folder"));
  }
  return point;
}

bool is_finished(const fs::path& run, const TrainConfig& config) {
  const std::vector<Json> lines = read_run_log(run / "metrics.jsonl").lines;
  if (lines.empty()) return false;
  const Json& last = lines.back();
  const bool ended = last["kind"] == "end" && last.value("reason", Json()) == "done" &&
                     log_step(last) == config.steps;
  if (!ended) return false;
  const CheckpointStore store(run);
  const std::vector<StoredCheckpoint> all = store.list();
  if (all.empty() || all.back().step != config.steps) return false;
  return store.newest_valid().path == all.back().path;
}

std::vector<std::string> fault_texts(const RunLog& log, const fs::path& path) {
  constexpr size_t kNamed = 3;
  std::vector<std::string> lines;
  for (size_t i = 0; i < std::min(kNamed, log.faults.size()); ++i) {
    lines.push_back(concat(path.string(), ": ", log.faults[i]));
  }
  if (log.faults.size() > kNamed) {
    lines.push_back(concat(path.string(), ": ", log.faults.size() - kNamed, " more"));
  }
  return lines;
}

std::optional<int64_t> last_previewed_step(const RunLog& log) {
  std::optional<int64_t> step;
  for (const Json& line : log.lines) {
    const bool of_the_end = line["kind"] == "end" && line.value("preview", Json()).is_object();
    if (line["kind"] == "channel_drift" || of_the_end) step = log_step(line);
  }
  return step;
}

}  // namespace ddpm
