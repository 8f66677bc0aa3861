// How many threads a job uses for --threads.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/jobs/network_backend.h"

namespace ddpm {

// What --threads selects: 0 is one thread for each usable core (base/cores.h).
//   engine   never more than the cores: its results do not depend on the number of threads
//   LibTorch as many as asked for: sums, and so a resumed run, depend on the number
int64_t engine_threads(int64_t asked, int64_t cores);
int64_t libtorch_threads(int64_t asked, int64_t cores);

// If --threads asks for more than the cores, one line without its end: how many are used, and why;
// otherwise "". `backend` is not kAuto.
std::string too_many_threads_line(const std::string& command, NetworkBackend backend, int64_t asked,
                                  int64_t cores);

}  // namespace ddpm
