// What the commands of evaluations share.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/cli/data_flags.h"
#include "ddpm/cli/job_watch.h"
#include "ddpm/cli/model_flags.h"
#include "ddpm/jobs/evaluation.h"
#include "ddpm/terminal/flags.h"
#include "ddpm/terminal/next_command.h"

namespace ddpm {

struct EvaluationFlags {
  ModelFlags model;
  std::string data;
  std::string split = "auto";
  std::string fit = "none";
  double max_bad_files = kMaxBadFiles;
  int64_t images = 16;  // unless they are given, as many of them as there are
  bool images_given = false;
  int64_t first_image = 0;
  int64_t seed = 0;
  int64_t batch_size = 16;
  double save_every = 10.0;  // seconds
  std::string out;
};

void declare_evaluation_flags(Flags& flags, EvaluationFlags& values);

// Throws InvalidArgument that starts with `command` for what is missing or cannot be.
void check_evaluation_flags(const std::string& command, const EvaluationFlags& flags);

EvaluationRequest evaluation_request(const EvaluationFlags& flags);

// The beginning of an evaluation, for on_begin of a watch: prints the folder and what the job is,
// and catches stop signals; where work is ended by one the lines of stopped_evaluation are printed.
void begin_evaluation(const EvaluationFlags& flags, const std::string& about,
                      const std::string& next);

// Behind Stopped: the exit code, after the line `next`, which goes on, was printed. Throws Stopped
// again if the rows were complete, and only a report of them was stopped.
int stopped_evaluation(TerminalWatch& watch, const std::string& next);

// "evaluate KIND" with the flags that differ from their defaults.
NextCommand next_evaluation(const std::string& program, const std::string& kind,
                            const EvaluationFlags& flags);

}  // namespace ddpm
