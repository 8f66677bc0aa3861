// From `ddpm` to `ddpm-torch`.

#pragma once

namespace ddpm {

// Replaces this process by the `ddpm-torch` that lies beside it, with the same arguments. Returns
// only by an IoError: this installation has none, it cannot be started, or what is there is a
// program without LibTorch too, as after a copy of the wrong file.
[[noreturn]] void hand_over_to_torch(const char* command, char** argv);

}  // namespace ddpm
