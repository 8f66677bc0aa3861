// What a job reports while it works, and how it is stopped.
//
// A job has no other way out: it prints nothing, has no global state, and its caller decides what
// becomes of each report.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ddpm/base/stopped.h"

namespace ddpm {

enum class JobPhase {
  kReading,     // images of data
  kSampling,    // images from noise, kept one by one
  kDenoising,   // images or steps of a picture, kept together at the end
  kEvaluating,  // rows of a result
};

struct JobProgress {
  JobPhase phase;
  std::string unit;   // what is counted: "images", "steps", "terms", "densities"
  double done;        // in [start, total], never falling within a phase, total at its end
  int64_t total;      // units
  int64_t start = 0;  // units that were complete before the job began
};

// Every function may be empty. They are called by the thread that runs the job, one at a time;
// what they throw ends the job as a stop does and reaches the caller.
struct Watch {
  // Called once, after the request was checked and before the first long work, with lines that
  // describe the job, "\n" between them. Until then nothing but a lock has been written.
  std::function<void(const std::string& about)> on_begin;
  std::function<void(const JobProgress& progress)> on_progress;
  // What a person may want to know of the inputs: whole lines, each with its "\n".
  std::function<void(const std::string& lines)> on_note;
  // What is probably a mistake but no error: one line without its "\n".
  std::function<void(const std::string& line)> on_warning;
  // Whether to stop, called between two steps. If it returns true the job throws Stopped.
  std::function<bool()> stop;
};

inline void begin(const Watch& watch, const std::string& about) {
  if (watch.on_begin) watch.on_begin(about);
}

inline void advance(const Watch& watch, const JobProgress& progress) {
  if (watch.on_progress) watch.on_progress(progress);
}

inline void note(const Watch& watch, const std::string& lines) {
  if (watch.on_note && !lines.empty()) watch.on_note(lines);
}

inline void warn(const Watch& watch, const std::string& line) {
  if (watch.on_warning && !line.empty()) watch.on_warning(line);
}

inline void give_up_if_stopped(const Watch& watch) {
  if (watch.stop && watch.stop()) throw Stopped();
}

}  // namespace ddpm
