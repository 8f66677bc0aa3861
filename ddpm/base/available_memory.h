// How much memory this process may still take.

#pragma once

#include <cstdint>
#include <filesystem>

namespace ddpm {

// Bytes that the machine has free or can free at once, and no more than the room in the process's
// control groups (control_groups.h). 0 if neither can be read.
int64_t available_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace ddpm
