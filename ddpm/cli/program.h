// The program: its commands, and how errors become exit codes.

#pragma once

#include "ddpm/jobs/torch_hooks.h"

namespace ddpm {

// Parses the command line and runs its command. Exit codes: 0 done, 1 a failure, 2 the caller's
// mistake, 128 + n after signal n. An error is one line on standard error; nothing else is written
// there.
int run_program(int argc, char** argv, const TorchHooks& hooks);

}  // namespace ddpm
