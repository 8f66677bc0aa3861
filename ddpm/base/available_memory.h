// How much memory this process may still take.

#pragma once

#include <cstdint>
#include <filesystem>

namespace ddpm {

// Bytes that the machine has free or can free at once, no more than the room in the process's
// control groups (control_groups.h), and no more than its limit of addresses (`ulimit -v`) leaves.
// 0 if none of these can be read.
int64_t available_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace ddpm
