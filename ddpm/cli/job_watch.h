// A job's reports on the terminal: progress as a bar, notes on standard output, warnings on
// standard error, and signals as the way to stop it.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ddpm/jobs/watch.h"
#include "ddpm/terminal/progress.h"

namespace ddpm {

class TerminalWatch {
 public:
  // `on_begin` gets the lines that describe the job.
  explicit TerminalWatch(std::function<void(const std::string& about)> on_begin = {});
  TerminalWatch(const TerminalWatch&) = delete;
  TerminalWatch& operator=(const TerminalWatch&) = delete;

  operator const Watch&() const { return watch_; }  // NOLINT: what the jobs take

  // Whether the latest phase is this one and came to its end.
  bool is_complete(JobPhase phase) const { return complete_ && phase_ == phase; }
  // Ends the bar, before other lines are printed.
  void end() { bar_.reset(); }

 private:
  void show(const JobProgress& progress);
  void print(const std::string& lines);

  Watch watch_;
  std::unique_ptr<Progress> bar_;
  JobPhase phase_ = JobPhase::kReading;
  bool complete_ = false;
};

}  // namespace ddpm
