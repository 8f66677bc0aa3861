// A stop: SIGINT, SIGTERM, SIGHUP, or a standard output that nobody reads any more.
//
// The rule of every command, which docs/interrupting.md explains to users:
//   - Until catch_stop_signals(), a signal ends the process at once, but a file that is being
//     written is finished first, so that no temporary file stays behind.
//   - From then on the first signal is remembered. Long work asks for it between two steps, keeps
//     what is complete and ends with exit code 128 + n. Work that does not ask for a second, such
//     as one call of a large network, is ended as before, unless the command has something to save.
//   - A second signal ends the process at once.

#pragma once

#include <string_view>

#include "ddpm/base/stopped.h"

namespace ddpm {

// To be called first. A signal that the process was started to ignore (`nohup`, a background job)
// stays ignored. Signals within a tenth of a second count as one: `timeout` and a terminal that is
// closed send two.
void end_at_stop_signals();

enum class SlowStop {
  kEnd,    // work that does not ask is ended: what is complete is on the disk
  kFinish  // it is waited for, and the user is told: something is to be saved
};

// From here on this thread asks for a stop. With kEnd it throws Stopped if standard output is gone
// already, and `last_lines`, without the final newline, are printed where work is ended: how to go
// on.
void catch_stop_signals(SlowStop slow = SlowStop::kEnd, std::string_view last_lines = {});

// The first signal that came, or 0.
int stop_signal();

// Whether to end: a signal came, or standard output cannot be written any more. Before
// catch_stop_signals() always false.
bool stop_requested();

// What a command returns that ended early: 128 + n after signal n, otherwise 0: run_program makes
// it 1 if standard output is gone.
int exit_code_of_stop();

// Throws Stopped if stop_requested(); run_program turns it into the exit code.
void give_up_if_stopped();

}  // namespace ddpm
