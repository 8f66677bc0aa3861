// From `ddpm` to `ddpm-torch`.

#pragma once

#include <chrono>

namespace ddpm {

// Replaces this process by the `ddpm-torch` that lies beside it, with the same arguments. Returns
// only by an IoError: this installation has none, it cannot be started, or what is there is a
// program without LibTorch too, as after a copy of the wrong file.
[[noreturn]] void hand_over_to_torch(const char* command,
                                     std::chrono::steady_clock::time_point began, char** argv);

// When the program was started: now, or before it was handed over to this one.
std::chrono::steady_clock::time_point program_start();

}  // namespace ddpm
