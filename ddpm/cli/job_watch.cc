#include "ddpm/cli/job_watch.h"

#include <iostream>
#include <utility>

#include "ddpm/terminal/signals.h"

namespace ddpm {

namespace {

const char* label_of(JobPhase phase) {
  switch (phase) {
    case JobPhase::kReading:
      return "reading";
    case JobPhase::kSampling:
      return "sampling";
    case JobPhase::kDenoising:
      return "denoising";
    case JobPhase::kEvaluating:
      return "evaluating";
  }
  return "";
}

// Whether the bar is taken away at the end, which other lines report.
bool is_erased(JobPhase phase) {
  return phase == JobPhase::kReading || phase == JobPhase::kDenoising;
}

}  // namespace

TerminalWatch::TerminalWatch(std::function<void(const std::string& about)> on_begin) {
  watch_.on_begin = std::move(on_begin);
  watch_.on_progress = [this](const JobProgress& progress) { show(progress); };
  watch_.on_note = [this](const std::string& lines) { print(lines); };
  watch_.on_warning = [](const std::string& line) { std::cerr << line << std::endl; };
  watch_.stop = stop_requested;
}

void TerminalWatch::show(const JobProgress& progress) {
  const auto total = static_cast<double>(progress.total);
  const bool last = progress.done >= total;
  const bool is_new = !bar_ || phase_ != progress.phase;
  if (last && is_complete(progress.phase)) return;  // known already
  const bool nothing_to_do = is_new && last && progress.start >= progress.total;
  phase_ = progress.phase;
  complete_ = last;
  if (nothing_to_do) return;
  if (is_new) {
    bar_ =
        std::make_unique<Progress>(label_of(phase_), progress.unit, progress.total, progress.start);
  }
  // the report on the data follows at once
  if (!last || phase_ != JobPhase::kReading) bar_->update(progress.done);
  if (!last) return;
  if (is_erased(phase_)) bar_->erase();
  bar_.reset();
}

void TerminalWatch::print(const std::string& lines) {
  if (bar_ && is_erased(phase_)) bar_->erase();
  std::cout << lines << std::flush;
}

}  // namespace ddpm
