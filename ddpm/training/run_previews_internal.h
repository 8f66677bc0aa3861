// The previews of a run: when one is due, and which was made last.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "ddpm/base/file.h"
#include "ddpm/base/json.h"
#include "ddpm/data/dataset.h"
#include "ddpm/training/learner.h"
#include "ddpm/training/run.h"

namespace ddpm {

// Writes into <run>/samples. All that is passed must outlive it.
class RunPreviews {
 public:
  RunPreviews(const std::filesystem::path& run, const Learner& learner, const Dataset& dataset,
              const RunObserver& observer, FileLayer& files)
      : folder_(run / "samples"),
        learner_(learner),
        dataset_(dataset),
        observer_(observer),
        files_(files) {}

  // Of a run that goes on: the step of the last one that was made.
  void restore(std::optional<int64_t> made_at) { made_at_ = made_at; }

  bool are_on() const { return learner_.config().sample_every > 0; }
  bool is_made() const { return made_at_ == learner_.counters().steps; }  // of this step
  bool is_due() const;  // by the cadence, and not made yet

  // Makes that of this step. Asks `goes_on` between two steps of its chain; if that is false it is
  // given up, and the result is null. Otherwise the result is the preview's part of a log line, the
  // means of its channels, and the observer has got a line for each warning.
  Json make(const std::function<bool()>& goes_on);

 private:
  std::filesystem::path folder_;
  const Learner& learner_;
  const Dataset& dataset_;
  const RunObserver& observer_;
  FileLayer& files_;
  std::optional<int64_t> made_at_;
};

}  // namespace ddpm
