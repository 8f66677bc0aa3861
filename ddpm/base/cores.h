// The cores of this machine.

#pragma once

#include <cstdint>
#include <filesystem>

namespace ddpm {

// Threads that this process can run at once: the cores of its affinity mask, and no more than the
// CPU quotas of its control groups (control_groups.h), rounded up. At least 1.
int64_t usable_cores(const std::filesystem::path& root = "/");

}  // namespace ddpm
