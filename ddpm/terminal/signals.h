// SIGINT and SIGTERM as a question that long work asks between two steps.

#pragma once

namespace ddpm {

// From here on the first SIGINT or SIGTERM is only remembered; a second one ends the process at
// once.
void catch_stop_signals();

// The signal that came, or 0.
int stop_signal();

// What a command returns that ended early: 130 after SIGINT, 143 after SIGTERM, else 0.
int exit_code_of_stop();

// Thrown where work that can be given up at any time is given up after a signal; run_program turns
// it into the exit code.
struct Stopped {};
void give_up_if_stopped();

}  // namespace ddpm
